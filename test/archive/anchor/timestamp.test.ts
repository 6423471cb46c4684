import { randomBytes, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { Certificate, ContentInfo, SignedData } from "pkijs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseCertificates, type TrustedCertificate } from "../../../src/archive/anchor/certificates.ts";
import { requestTimestamp } from "../../../src/archive/anchor/timestamp-request.ts";
import { verifyToken } from "../../../src/archive/anchor/timestamp-token.ts";
import { flipBit } from "../../core/mutations.ts";
import { TestAuthority } from "./authority.ts";

const NOTE = Buffer.from(
  "audit.example/prod/app\n3\nuVdcUg9ycHY3H3p/seiPeTEm2CM8BFvLSB/pgBx5A7Y=\n\n— audit.example/prod/app c2ln\n",
);

let authority: TestAuthority;
let trusted: TrustedCertificate[];
let token: Uint8Array;
beforeAll(async () => {
  authority = await TestAuthority.start();
  trusted = parseCertificates(authority.root, "root.pem");
  ({ token } = await ask());
});
afterAll(() => authority[Symbol.asyncDispose]());

interface Asking {
  readonly now?: () => number;
  readonly random?: (size: number) => Uint8Array;
  readonly allowPrivate?: boolean;
  readonly from?: TestAuthority;
}

function ask({ now = Date.now, random = randomBytes, allowPrivate = true, from = authority }: Asking = {}): ReturnType<
  typeof requestTimestamp
> {
  const pinned = { url: from.url, trusted: parseCertificates(from.root, "root.pem") };
  return requestTimestamp(pinned, NOTE, { fetch, allowPrivate, now, random });
}

const refused = { code: "proof.timestamp" };

describe("a token of openssl's", () => {
  test.each([
    ["by ECDSA", { algorithm: "ec" }],
    ["by RSA", { algorithm: "rsa" }],
    ["that names its certificate by SHA-1, as RFC 3161 first had it", { essDigest: "sha1" }],
  ] as const)("%s holds, here and with openssl", async (_what, options) => {
    await using one = await TestAuthority.start(options);
    const { token: theirs, verified } = await ask({ from: one });
    expect(verified).toMatchObject({ authority: "O=Test, CN=Test TSA", pinned: true });
    expect(Math.abs(Date.parse(verified.time) - Date.now())).toBeLessThan(60_000);
    expect(await one.accepts(theirs, NOTE)).toBe(true);
  });

  test("holds without a CA as well, but is nobody's that is known", async () => {
    expect(await verifyToken(token, NOTE, [])).toMatchObject({ pinned: false, authority: "O=Test, CN=Test TSA" });
  });

  test("does not lead to another authority of the same name", async () => {
    await using other = await TestAuthority.start();
    await expect(verifyToken(token, NOTE, parseCertificates(other.root, "root.pem"))).rejects.toMatchObject(refused);
    expect(await verifyToken(token, NOTE, [...parseCertificates(other.root, "root.pem"), ...trusted])).toMatchObject({
      pinned: true,
    });
  });

  test("stamps the note and nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(NOTE.length * 8 - 1), async (bit) => {
        await expect(verifyToken(token, flipBit(NOTE, bit), trusted)).rejects.toMatchObject(refused);
      }),
      { numRuns: 20 },
    );
    await expect(verifyToken(token, new Uint8Array(0), trusted)).rejects.toMatchObject(refused);
  });

  test("with any bit changed is refused, unless the bit is of what nobody signed and nobody reads", async () => {
    const whole = await verifyToken(token, NOTE, trusted);
    let refusals = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length * 8 - 1), async (bit) => {
        try {
          expect(await verifyToken(flipBit(token, bit), NOTE, trusted)).toEqual(whole);
        } catch (error) {
          if (error instanceof Error && "code" in error && error.code === "proof.timestamp") refusals++;
          else throw error;
        }
      }),
      { numRuns: 150, seed: 3161 },
    );
    // The copy of the root certificate that is with it takes up the rest.
    expect(refusals).toBeGreaterThan(75);
  });

  test("that is cut short or has more behind it is refused", async () => {
    for (const length of [0, 1, 10, token.length - 1]) {
      await expect(verifyToken(token.subarray(0, length), NOTE, trusted)).rejects.toMatchObject(refused);
    }
    await expect(verifyToken(Buffer.concat([token, Buffer.of(0)]), NOTE, trusted)).rejects.toMatchObject(refused);
  });

  test.each([
    ["is for something else", "critical,codeSigning"],
    ["is for time-stamping and more", "critical,timeStamping,codeSigning"],
    ["does not say so critically", "timeStamping"],
  ])("by a certificate of the same authority that %s is refused", async (_what, usage) => {
    const forged = await byOther(usage);
    await expect(verifyToken(forged, NOTE, trusted)).rejects.toThrow(/not for time-stamping, and that alone/);
  });

  test("by such a certificate made for it holds: only its usage was wrong", async () => {
    const forged = await byOther("critical,timeStamping");
    expect(await verifyToken(forged, NOTE, trusted)).toMatchObject({ pinned: true });
  });

  test("under an authority that may have none below it is refused", async () => {
    await using one = await TestAuthority.start({ tooLong: true });
    await expect(ask({ from: one })).rejects.toThrow(/allows no chain of 1 authorities below it/);
  });

  test("is bound to its very certificate: another of the same name, number and key does not do", async () => {
    const again = Certificate.fromBER(new Uint8Array(new X509Certificate(await authority.reissue()).raw));
    const { token: fresh } = await ask();
    const content = ContentInfo.fromBER(new Uint8Array(fresh));
    const signed = new SignedData({ schema: content.content });
    signed.certificates = [again];
    content.content = signed.toSchema();
    const swapped = new Uint8Array(content.toSchema().toBER());
    await expect(verifyToken(swapped, NOTE, trusted)).rejects.toThrow(
      /signed by another certificate than the one that is with it/,
    );
  });

  test("whose signer stands in it twice does not borrow the chain of another", async () => {
    // A library that drops the second copy would take the next certificate for the signer's.
    await using stranger = await TestAuthority.start();
    const { token: theirs } = await ask({ from: stranger });
    const content = ContentInfo.fromBER(new Uint8Array(theirs));
    const signed = new SignedData({ schema: content.content });
    const [own] = signed.certificates ?? [];
    const good = new SignedData({ schema: ContentInfo.fromBER(new Uint8Array(token)).content }).certificates ?? [];
    if (own === undefined) throw new Error("no certificate");
    signed.certificates = [own, ...good, own];
    content.content = signed.toSchema();
    const both = new Uint8Array(content.toSchema().toBER());
    await expect(verifyToken(both, NOTE, trusted)).rejects.toThrow(/does not lead to a trusted one/);
  });
});

describe("the certificates with a token", () => {
  const withCertificates = (of: Uint8Array, certificates: readonly Certificate[]): Uint8Array => {
    const content = ContentInfo.fromBER(new Uint8Array(of));
    const signed = new SignedData({ schema: content.content });
    signed.certificates = [...(signed.certificates ?? []), ...certificates];
    content.content = signed.toSchema();
    return new Uint8Array(content.toSchema().toBER());
  };

  test("may not lead in a circle: the search for a trusted one ends", { timeout: 10_000 }, async () => {
    await using one = await TestAuthority.start({ circle: true });
    const circle = ["sub.pem", "root-by-sub.pem"].map(async (name) => readFile(join(one.folder, name)));
    const certificates = (await Promise.all(circle)).map((pem) =>
      Certificate.fromBER(new Uint8Array(new X509Certificate(pem).raw)),
    );
    const { token: theirs } = await requestTimestamp({ url: one.url, trusted: [] }, NOTE, {
      fetch,
      allowPrivate: true,
      now: Date.now,
      random: randomBytes,
    });
    await expect(verifyToken(withCertificates(theirs, certificates), NOTE, trusted)).rejects.toThrow(
      /does not lead to a trusted one: .*too many ways/,
    );
  });

  test("are not gone through when there are too many", async () => {
    const [any] = new SignedData({ schema: ContentInfo.fromBER(new Uint8Array(token)).content }).certificates ?? [];
    if (!(any instanceof Certificate)) throw new Error("no certificate");
    await expect(
      verifyToken(
        withCertificates(
          token,
          Array.from({ length: 30 }, () => any),
        ),
        NOTE,
        trusted,
      ),
    ).rejects.toThrow(/expected at most 20 certificates with it/);
  });
});

describe("a reply", () => {
  test("to another request is refused: its nonce is another", async () => {
    let first: Buffer | null = null;
    authority.instead = (reply) => Promise.resolve({ body: (first ??= reply) });
    await ask();
    await expect(ask()).rejects.toThrow(/the token answers another request/);
  });

  test("of a clock far from ours is refused", async () => {
    authority.instead = null;
    await expect(ask({ now: () => Date.now() + 3_600_000 })).rejects.toThrow(/minutes from this machine's clock/);
  });

  test.each([
    ["an error", { status: 503, body: Buffer.from("busy") }, "anchor.failed"],
    ["another type", { type: "text/html", body: Buffer.from("<p>") }, "anchor.failed"],
    ["a redirect", { status: 302, body: Buffer.alloc(0) }, "anchor.failed"],
    ["no end", { body: Buffer.alloc(200_000) }, "anchor.failed"],
    ["nothing", { body: Buffer.alloc(0) }, "proof.timestamp"],
    ["what is no ASN.1", { body: Buffer.from("hello") }, "proof.timestamp"],
    // PKIStatusInfo: rejection, with the words "no".
    ["a refusal", { body: Buffer.from("300b300902010230040c026e6f", "hex") }, "anchor.failed"],
    // Granted, and nothing with it.
    ["a grant without a token", { body: Buffer.from("30053003020100", "hex") }, "proof.timestamp"],
  ])("of %s is an error, and no token", async (_what, answer, code) => {
    authority.instead = () => Promise.resolve(answer);
    await expect(ask()).rejects.toMatchObject({ code });
  });

  test("with more behind it is refused", async () => {
    authority.instead = (reply) => Promise.resolve({ body: Buffer.concat([reply, Buffer.of(5, 0)]) });
    await expect(ask()).rejects.toMatchObject(refused);
  });

  test("is not asked for over plain HTTP, unless that is allowed", async () => {
    const before = authority.requests;
    await expect(ask({ allowPrivate: false })).rejects.toMatchObject({ code: "input.invalid" });
    expect(authority.requests).toBe(before);
  });

  test("is taken again when it is the authority's own", async () => {
    authority.instead = null;
    expect((await ask()).verified.pinned).toBe(true);
  });
});

test("a file of CA certificates must hold some, and of authorities", async () => {
  expect(() => parseCertificates("nothing", "ca.pem")).toThrow(/ca\.pem: expected CA certificates in PEM/);
  const signer = await readFile(join(authority.folder, "tsa.pem"), "utf8");
  expect(() => parseCertificates(authority.root + signer, "ca.pem")).toThrow(
    /expected certificates of authorities \(CA\), got that of O=Test/,
  );
  expect(() => parseCertificates(authority.root.replace(/\n[A-Za-z]{4}/, "\nAAAA"), "ca.pem")).toThrow(
    /a certificate in it is malformed/,
  );
});

/** Made after its certificate: a token is refused of a time before that. */
async function byOther(usage: string): Promise<Uint8Array> {
  await authority.issueOther(usage);
  return authority.signAsOther(infoOf((await ask()).token));
}

function infoOf(of: Uint8Array): Uint8Array {
  const content = ContentInfo.fromBER(new Uint8Array(of));
  const info = new SignedData({ schema: content.content }).encapContentInfo.eContent?.getValue();
  if (info === undefined) throw new Error("no TSTInfo");
  return new Uint8Array(info);
}
