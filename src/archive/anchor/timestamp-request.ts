import { sha256 } from "#sha256";
import * as asn1 from "asn1js";
import { AlgorithmIdentifier, MessageImprint, PKIStatus, TimeStampReq, TimeStampResp } from "pkijs";
import { toHex } from "../../core/bytes.ts";
import { SteleError } from "../../core/error.ts";
import { toMillis } from "../../core/time.ts";
import type { TrustedCertificate } from "./certificates.ts";
import { type Connection, post, saying } from "./http.ts";
import { type VerifiedToken, verifyToken } from "./timestamp-token.ts";

/** A time-stamp authority, and whom its certificate must lead to. */
export interface Authority {
  readonly url: string;
  /** CA certificates; none: its tokens are checked by themselves, and the authority is not pinned. */
  readonly trusted: readonly TrustedCertificate[];
}

const SHA256 = "2.16.840.1.101.3.4.2.1";
const NONCE_SIZE = 16;
const MAX_RESPONSE_BYTES = 128 * 1024;
/** How far an authority's clock and ours may be apart. */
const MAX_SKEW_MS = 10 * 60_000;

/**
 * Asks a time-stamp authority (RFC 3161, over HTTP as in section 3.4) for a token over `stamped`, and verifies it.
 * @param options.random gives so many random bytes: the nonce, which ties the answer to this request
 * @throws SteleError `anchor.failed` when it refuses or can't be reached, `proof.timestamp` when its token does not hold
 */
export async function requestTimestamp(
  { url, trusted }: Authority,
  stamped: Uint8Array,
  options: Connection & { readonly now: () => number; readonly random: (size: number) => Uint8Array },
): Promise<{ readonly token: Uint8Array; readonly verified: VerifiedToken }> {
  const nonce = options.random(NONCE_SIZE);
  // A positive number of fixed length has one encoding.
  nonce[0] = ((nonce[0] ?? 0) & 0x3f) | 0x40;
  const answer = await post(options, url, {
    contentType: "application/timestamp-query",
    body: encodeRequest(stamped, nonce),
    maxBytes: MAX_RESPONSE_BYTES,
  });
  if (answer.status !== 200) {
    throw new SteleError("anchor.failed", `${url}: the time-stamp authority answered ${answer.status}${saying(answer)}`);
  }
  if (answer.contentType !== "application/timestamp-reply") {
    throw new SteleError(
      "anchor.failed",
      `${url}: expected a time-stamp reply (application/timestamp-reply), got ${JSON.stringify(answer.contentType)}`,
    );
  }
  const token = tokenIn(answer.body, url);
  const verified = await verifyToken(token, stamped, trusted);
  if (verified.nonce !== toHex(nonce)) {
    throw new SteleError(
      "proof.timestamp",
      `${url}: the token answers another request: its nonce is ${verified.nonce ?? "missing"}`,
    );
  }
  const skew = Math.abs(toMillis(verified.time) - options.now());
  if (skew > MAX_SKEW_MS) {
    const minutes = Math.round(skew / 60_000);
    throw new SteleError(
      "proof.timestamp",
      `${url}: the token says ${verified.time}, ${minutes} minutes from this machine's clock: one of the two is wrong`,
    );
  }
  return { token, verified };
}

function encodeRequest(stamped: Uint8Array, nonce: Uint8Array): Uint8Array<ArrayBuffer> {
  const hashAlgorithm = new AlgorithmIdentifier({ algorithmId: SHA256, algorithmParams: new asn1.Null() });
  const hashedMessage = new asn1.OctetString({ valueHex: new Uint8Array(sha256(stamped)).buffer });
  const request = new TimeStampReq({
    version: 1,
    messageImprint: new MessageImprint({ hashAlgorithm, hashedMessage }),
    nonce: new asn1.Integer({ valueHex: new Uint8Array(nonce).buffer }),
    certReq: true,
  });
  return new Uint8Array(request.toSchema().toBER());
}

function tokenIn(body: Uint8Array<ArrayBuffer>, url: string): Uint8Array {
  let response: TimeStampResp;
  let token: Uint8Array | undefined;
  try {
    const { offset, result } = asn1.fromBER(body);
    if (offset !== body.length) throw new Error(`it is not one ASN.1 value of ${body.length} bytes`);
    response = new TimeStampResp({ schema: result });
    // As it came: what is encoded anew may differ from what was signed.
    token = result instanceof asn1.Sequence ? result.valueBlock.value[1]?.valueBeforeDecodeView : undefined;
  } catch (cause) {
    throw new SteleError("proof.timestamp", `${url}: the time-stamp reply is malformed`, { cause });
  }
  const { status, statusStrings = [] } = response.status;
  if (status !== PKIStatus.granted && status !== PKIStatus.grantedWithMods) {
    const words = statusStrings.map((text) => text.getValue()).join("; ");
    throw new SteleError("anchor.failed", `${url}: the time-stamp authority refused (status ${status}) ${JSON.stringify(words)}`);
  }
  if (token === undefined || response.timeStampToken === undefined) {
    throw new SteleError("proof.timestamp", `${url}: the time-stamp reply says granted, and holds no token`);
  }
  return new Uint8Array(token);
}
