import { createHash } from "node:crypto";

/**
 * Which checksum goes with a PUT. `auto` settles on the store's first answer, never on its name: that PUT states both,
 * and a store that echoes the SHA-256 has understood it. (Ceph RGW 16 takes the header, wrong values too, and ignores it.)
 */
export type ChecksumChoice = "auto" | "sha256" | "md5";

/** What an answer to a PUT proves about the stored bytes. */
export type Evidence = "matched" | "altered" | "none";

/** The checksum profile of one store, settled at most once. */
export class ChecksumProfile {
  #choice: ChecksumChoice;

  constructor(choice: ChecksumChoice) {
    this.#choice = choice;
  }

  get choice(): ChecksumChoice {
    return this.#choice;
  }

  settle(choice: "sha256" | "md5"): void {
    if (this.#choice === "auto") this.#choice = choice;
  }
}

/** The digests of a body, base64, calculated when asked for. */
export class BodyDigests {
  readonly #body: Uint8Array;
  #md5: string | undefined;
  #sha256: string | undefined;

  constructor(body: Uint8Array) {
    this.#body = body;
  }

  get md5(): string {
    return (this.#md5 ??= md5Base64(this.#body));
  }

  get sha256(): string {
    return (this.#sha256 ??= sha256Base64(this.#body));
  }
}

/** The checksum parameters of a PutObject. */
export function checksumParameters(
  digests: BodyDigests,
  choice: ChecksumChoice,
): { ContentMD5?: string; ChecksumSHA256?: string } {
  return {
    ...(choice === "sha256" ? {} : { ContentMD5: digests.md5 }),
    ...(choice === "md5" ? {} : { ChecksumSHA256: digests.sha256 }),
  };
}

/**
 * What the answer to a PutObject says. An ETag that is our MD5 tells that the same bytes arrived; any other ETag tells
 * nothing (under SSE-KMS it is no hash of the content). MD5 is enough against an accident on the way; against an
 * attacker stands the SHA-256 in the signed manifest.
 */
export function putEvidence(
  digests: BodyDigests,
  choice: ChecksumChoice,
  answer: { ChecksumSHA256?: string | undefined; ETag?: string | undefined },
): Evidence {
  if (choice !== "md5" && answer.ChecksumSHA256 !== undefined) {
    return answer.ChecksumSHA256 === digests.sha256 ? "matched" : "altered";
  }
  if (choice === "sha256") return "none";
  const etag = answer.ETag?.replaceAll('"', "").toLowerCase();
  return etag === Buffer.from(digests.md5, "base64").toString("hex") ? "matched" : "none";
}

/**
 * What the answer to a CompleteMultipartUpload says: S3's composite checksum is the SHA-256 of the parts' SHA-256s,
 * then a dash and their number.
 */
export function multipartEvidence(body: Uint8Array, partSize: number, answer: { ChecksumSHA256?: string | undefined }): Evidence {
  if (answer.ChecksumSHA256 === undefined) return "none";
  const composite = createHash("sha256");
  let parts = 0;
  for (let start = 0; start < body.length; start += partSize, parts++) {
    composite.update(
      createHash("sha256")
        .update(body.subarray(start, start + partSize))
        .digest(),
    );
  }
  const digest = composite.digest("base64");
  return answer.ChecksumSHA256 === `${digest}-${parts}` || answer.ChecksumSHA256 === digest ? "matched" : "altered";
}

export function md5Base64(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("base64");
}

export function sha256Base64(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("base64");
}
