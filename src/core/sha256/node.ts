import { createHash, hash } from "node:crypto";

/** SHA-256 (FIPS 180-4) of `data`: 32 bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  return hash("sha256", data, "buffer");
}

/**
 * Writes the SHA-256 of `data` to the 32 bytes of `out` at `offset`. `data` may be part of `out`.
 * A hash taken as a string and written costs less than half of one taken as a new Buffer: what counts for small messages is
 * the call, not the hashing.
 */
export function sha256Into(data: Uint8Array, out: Uint8Array, offset: number): void {
  if (offset < 0 || offset + 32 > out.length) throw new RangeError(`expected 32 bytes at ${offset}, got ${out.length} in all`);
  const text = hash("sha256", data, "latin1");
  for (let i = 0; i < 32; i++) out[offset + i] = text.charCodeAt(i);
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
