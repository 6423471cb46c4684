import { createHash } from "node:crypto";
import { sha256 } from "#sha256";
import * as asn1 from "asn1js";
import {
  type Attribute,
  BasicConstraints,
  Certificate,
  CertificateChainValidationEngine,
  ContentInfo,
  ExtKeyUsage,
  SignedData,
  type SignerInfo,
  TSTInfo,
} from "pkijs";
import { equalBytes, toHex } from "../../core/bytes.ts";
import { SteleError } from "../../core/error.ts";
import { type Timestamp, timestamp } from "../../core/time.ts";
import type { TrustedCertificate } from "./certificates.ts";

/** What a token says, once all of it was checked. */
export interface VerifiedToken {
  /** The authority's word: the stamped bytes existed by then. */
  readonly time: Timestamp;
  /** Subject of the signing certificate, such as `CN=Example TSA`. */
  readonly authority: string;
  /** In hexadecimal. */
  readonly serial: string;
  /** Whether the certificate leads to one that was given as trusted. */
  readonly pinned: boolean;
  /** In hexadecimal; null where the token has none. */
  readonly nonce: string | null;
}

const OID = {
  signedData: "1.2.840.113549.1.7.2",
  tstInfo: "1.2.840.113549.1.9.16.1.4",
  sha256: "2.16.840.1.101.3.4.2.1",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingCertificate: "1.2.840.113549.1.9.16.2.12",
  signingCertificateV2: "1.2.840.113549.1.9.16.2.47",
  extendedKeyUsage: "2.5.29.37",
  basicConstraints: "2.5.29.19",
  timeStamping: "1.3.6.1.5.5.7.3.8",
} as const;

const DIGESTS: ReadonlyMap<string, string> = new Map([
  [OID.sha256, "sha256"],
  ["2.16.840.1.101.3.4.2.2", "sha384"],
  ["2.16.840.1.101.3.4.2.3", "sha512"],
]);

/** With a token; there are some five. And certificates whose issuers are looked for, until one that is trusted is reached. */
const MAX_CERTIFICATES = 20;
const MAX_ISSUERS = 50;

/** RSA (PKCS #1 v1.5 and PSS) and ECDSA, none of them over SHA-1 or MD5. */
const SIGNATURES: ReadonlySet<string> = new Set([
  "1.2.840.113549.1.1.1",
  "1.2.840.113549.1.1.10",
  "1.2.840.113549.1.1.11",
  "1.2.840.113549.1.1.12",
  "1.2.840.113549.1.1.13",
  "1.2.840.10045.4.3.2",
  "1.2.840.10045.4.3.3",
  "1.2.840.10045.4.3.4",
]);

/**
 * Verifies an RFC 3161 time-stamp token over `stamped`: the imprint, the CMS signature over TSTInfo and its attributes, the
 * binding to the signing certificate (ESSCertID or ESSCertIDv2), that this certificate is for time-stamping and was valid
 * then, and where `trusted` is not empty, its chain to one of them as of then. Revocation is not looked at.
 *
 * @param token DER of the TimeStampToken, with the signing certificate in it
 * @throws SteleError `proof.timestamp`
 */
export async function verifyToken(
  token: Uint8Array,
  stamped: Uint8Array,
  trusted: readonly TrustedCertificate[],
): Promise<VerifiedToken> {
  try {
    return await verify(new Uint8Array(token), stamped, trusted);
  } catch (cause) {
    if (cause instanceof SteleError) throw cause;
    throw refuse(`it is malformed: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

async function verify(
  token: Uint8Array<ArrayBuffer>,
  stamped: Uint8Array,
  trusted: readonly TrustedCertificate[],
): Promise<VerifiedToken> {
  const content = new ContentInfo({ schema: parseWhole(token) });
  if (content.contentType !== OID.signedData) throw refuse(`expected CMS SignedData, got ${content.contentType}`);
  const signed = new SignedData({ schema: content.content });
  if (signed.encapContentInfo.eContentType !== OID.tstInfo) {
    throw refuse(`expected TSTInfo within, got ${signed.encapContentInfo.eContentType}`);
  }
  const encapsulated = signed.encapContentInfo.eContent?.getValue();
  const [signer, ...others] = signed.signerInfos;
  if (encapsulated === undefined || signer === undefined || others.length > 0) {
    throw refuse(`expected TSTInfo and exactly one signature, got ${signed.signerInfos.length}`);
  }
  const info = new TSTInfo({ schema: parseWhole(new Uint8Array(encapsulated)) });
  checkImprint(info, stamped);

  const certificate = await checkSignature(signed, signer, new Uint8Array(encapsulated), stamped);
  const time = info.genTime;
  checkPurpose(certificate, time);
  if (trusted.length > 0) await checkChain(signed, certificate, trusted, time);
  return {
    time: timestamp(time.getTime()),
    authority: subjectOf(certificate),
    serial: toHex(info.serialNumber.valueBlock.valueHexView),
    pinned: trusted.length > 0,
    nonce: info.nonce === undefined ? null : toHex(info.nonce.valueBlock.valueHexView),
  };
}

function checkImprint({ version, messageImprint }: TSTInfo, stamped: Uint8Array): void {
  if (version !== 1) throw refuse(`expected TSTInfo of version 1, got ${version}`);
  const { algorithmId } = messageImprint.hashAlgorithm;
  if (algorithmId !== OID.sha256) throw refuse(`expected a SHA-256 imprint, got one by ${algorithmId}`);
  if (!equalBytes(messageImprint.hashedMessage.valueBlock.valueHexView, sha256(stamped))) {
    throw refuse("it stamps something else than this checkpoint");
  }
}

async function checkSignature(
  signed: SignedData,
  signer: SignerInfo,
  encapsulated: Uint8Array,
  stamped: Uint8Array,
): Promise<Certificate> {
  const digest = DIGESTS.get(signer.digestAlgorithm.algorithmId);
  if (digest === undefined) throw refuse(`expected SHA-256, 384 or 512, got ${signer.digestAlgorithm.algorithmId}`);
  const { algorithmId } = signer.signatureAlgorithm;
  if (!SIGNATURES.has(algorithmId)) throw refuse(`expected RSA or ECDSA with SHA-256, 384 or 512, got ${algorithmId}`);
  const attributes = signer.signedAttrs?.attributes ?? [];
  const type: unknown = only(attributes, OID.contentType)?.values[0];
  if (!(type instanceof asn1.ObjectIdentifier) || type.getValue() !== OID.tstInfo) {
    throw refuse("its signed content type is not TSTInfo");
  }
  const imprint: unknown = only(attributes, OID.messageDigest)?.values[0];
  const expected = createHash(digest).update(encapsulated).digest();
  if (!(imprint instanceof asn1.OctetString) || !equalBytes(imprint.valueBlock.valueHexView, expected)) {
    throw refuse("its TSTInfo was changed: the signed digest is another");
  }
  const result = await signed.verify({ signer: 0, data: new Uint8Array(stamped).buffer, checkChain: false, extendedMode: true });
  const { signatureVerified, signerCertificate } = result;
  if (signatureVerified !== true || signerCertificate === null || signerCertificate === undefined) {
    throw refuse("its signature is wrong");
  }
  checkBinding(attributes, signerCertificate);
  return signerCertificate;
}

/** The signature names its certificate by hash (RFC 5035): no other one with the same name and number can stand in for it. */
function checkBinding(attributes: readonly Attribute[], certificate: Certificate): void {
  const v2: unknown = only(attributes, OID.signingCertificateV2)?.values[0];
  const v1: unknown = only(attributes, OID.signingCertificate)?.values[0];
  if (v1 === undefined && v2 === undefined) throw refuse("it does not say by which certificate it was signed");
  const der = new Uint8Array(certificate.toSchema().toBER());
  for (const [value, isV2] of [
    [v2, true],
    [v1, false],
  ] as const) {
    if (value === undefined) continue;
    const [algorithm, hash] = firstCertificateId(value, isV2);
    if (!equalBytes(hash, createHash(algorithm).update(der).digest())) {
      throw refuse("it was signed by another certificate than the one that is with it");
    }
  }
}

/** ESSCertID and ESSCertIDv2: an optional hash algorithm (v2 only, SHA-256 unless told), the hash, and more. */
function firstCertificateId(value: unknown, isV2: boolean): [algorithm: string, hash: Uint8Array] {
  const [first] = itemsOf(itemsOf(value)[0]);
  const [head, next] = itemsOf(first);
  if (head instanceof asn1.OctetString) return [isV2 ? "sha256" : "sha1", head.valueBlock.valueHexView];
  const [oid] = itemsOf(head);
  const algorithm = isV2 && oid instanceof asn1.ObjectIdentifier ? DIGESTS.get(oid.getValue()) : undefined;
  if (algorithm === undefined || !(next instanceof asn1.OctetString)) {
    throw refuse("what it says of its signing certificate is malformed");
  }
  return [algorithm, next.valueBlock.valueHexView];
}

/** RFC 3161 section 2.3: the certificate is for time-stamping, for nothing else, and says so critically. */
function checkPurpose(certificate: Certificate, time: Date): void {
  const usage = certificate.extensions?.find(({ extnID }) => extnID === OID.extendedKeyUsage);
  const purposes: unknown = usage?.parsedValue;
  const isForTime =
    usage?.critical === true &&
    purposes instanceof ExtKeyUsage &&
    purposes.keyPurposes.length === 1 &&
    purposes.keyPurposes[0] === OID.timeStamping;
  if (!isForTime) throw refuse(`the certificate of ${subjectOf(certificate)} is not for time-stamping, and that alone`);
  if (time < certificate.notBefore.value || time > certificate.notAfter.value) {
    throw refuse(`the certificate of ${subjectOf(certificate)} was not valid at ${time.toISOString()}`);
  }
}

async function checkChain(
  signed: SignedData,
  signer: Certificate,
  trusted: readonly TrustedCertificate[],
  time: Date,
): Promise<void> {
  const { length } = signed.certificates ?? [];
  if (length > MAX_CERTIFICATES) throw refuse(`expected at most ${MAX_CERTIFICATES} certificates with it, got ${length}`);
  let asked = 0;
  const isSigner = (one: Certificate): boolean => equalBytes(one.tbsView, signer.tbsView);
  const others = (signed.certificates ?? []).filter((one) => one instanceof Certificate && !isSigner(one));
  const engine = new CertificateChainValidationEngine({
    trustedCerts: trusted.map(({ der }) => Certificate.fromBER(der)),
    // The engine takes the last for the one whose chain is asked for, and drops what is there twice.
    certs: [...others.filter((one) => one instanceof Certificate), signer],
    checkDate: time,
    // The engine follows every path there is, and in a circle for ever: two certificates may have issued each other.
    findIssuer: (certificate, self, crypto) => {
      if (++asked > MAX_ISSUERS) throw new Error("its certificates lead to each other in too many ways");
      return self.defaultFindIssuer(certificate, self, crypto);
    },
  });
  const { result, resultMessage, certificatePath = [] } = await engine.verify();
  const [first] = certificatePath;
  if (!result || first === undefined || !isSigner(first)) {
    throw refuse(`the certificate of ${subjectOf(signer)} does not lead to a trusted one: ${resultMessage || "no path"}`);
  }
  // The engine leaves this part of RFC 5280 out. The path begins with the signer; certificates in between count.
  for (const [i, issuer] of certificatePath.entries()) {
    const constraints: unknown = issuer.extensions?.find(({ extnID }) => extnID === OID.basicConstraints)?.parsedValue;
    const most = constraints instanceof BasicConstraints ? constraints.pathLenConstraint : undefined;
    if (i > 0 && typeof most === "number" && i - 1 > most) {
      throw refuse(`the certificate of ${subjectOf(issuer)} allows no chain of ${i - 1} authorities below it`);
    }
  }
}

/** Parses DER or BER of which nothing is left over. */
function parseWhole(bytes: Uint8Array<ArrayBuffer>): asn1.AsnType {
  const { offset, result } = asn1.fromBER(bytes);
  if (offset !== bytes.length)
    throw refuse(`expected one ASN.1 value of ${bytes.length} bytes: ${result.error || "more follows it"}`);
  return result;
}

/** The attribute of a type; there must not be two, of which one reader takes the first and another the last. */
function only(attributes: readonly Attribute[], type: string): Attribute | undefined {
  const [first, second] = attributes.filter((attribute) => attribute.type === type);
  if (second !== undefined || (first !== undefined && first.values.length !== 1)) throw refuse(`it has attribute ${type} twice`);
  return first;
}

function itemsOf(value: unknown): readonly unknown[] {
  return value instanceof asn1.Sequence ? value.valueBlock.value : [];
}

const NAMES: ReadonlyMap<string, string> = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.6", "C"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
]);

function subjectOf({ subject }: Certificate): string {
  const parts = subject.typesAndValues.flatMap(({ type, value }) => {
    const name = NAMES.get(type);
    return name === undefined ? [] : [`${name}=${value.valueBlock.value}`];
  });
  return parts.join(", ") || "an authority without a name";
}

function refuse(reason: string, cause?: unknown): SteleError {
  return new SteleError("proof.timestamp", `time-stamp token: ${reason}`, { cause });
}
