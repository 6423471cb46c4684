import { sha256 as noble } from "@noble/hashes/sha2.js";

/** SHA-256 (FIPS 180-4) of `data`: 32 bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  return noble(data);
}

/** Writes the SHA-256 of `data` to the 32 bytes of `out` at `offset`. `data` may be part of `out`. */
export function sha256Into(data: Uint8Array, out: Uint8Array, offset: number): void {
  out.set(noble(data), offset);
}

/** An incremental SHA-256; `digest` may be asked more than once, and does not end it. */
export class Sha256 {
  readonly #hash = noble.create();

  update(data: Uint8Array): this {
    this.#hash.update(data);
    return this;
  }

  /** The hash of everything so far: 32 bytes. */
  digest(): Uint8Array {
    return this.#hash.clone().digest();
  }
}
