import { createHash, hash } from "node:crypto";

/** SHA-256 (FIPS 180-4) of `data`: 32 bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  return hash("sha256", data, "buffer");
}

/** An incremental SHA-256; `digest` may be asked more than once, and does not end it. */
export class Sha256 {
  readonly #hash = createHash("sha256");

  update(data: Uint8Array): this {
    this.#hash.update(data);
    return this;
  }

  /** The hash of everything so far: 32 bytes. */
  digest(): Uint8Array {
    return this.#hash.copy().digest();
  }
}
