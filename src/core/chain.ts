import { sha256, sha256Into } from "#sha256";
import { utf8 } from "./bytes.ts";
import { HASH_SIZE } from "./hash.ts";
import { leafCount } from "./tree.ts";

const CHAIN_LABEL = "stele/1 chain\n";

/** The chain's value before a log's first entry: `SHA-256("stele/1 chain\n" || origin)`. */
export function chainStart(origin: string): Uint8Array {
  return sha256(utf8(CHAIN_LABEL + origin));
}

/**
 * The chain's value after the entries whose leaf hashes lie packed in `leaves`, from its value before them:
 * `c(i+1) = SHA-256(c(i) || leaf hash of entry i)`.
 */
export function extendChain(chain: Uint8Array, leaves: Uint8Array): Uint8Array {
  const count = leafCount(leaves);
  const input = new Uint8Array(2 * HASH_SIZE);
  input.set(chain);
  for (let i = 0; i < count; i++) {
    input.set(leaves.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE), HASH_SIZE);
    sha256Into(input, input, 0);
  }
  return input.slice(0, HASH_SIZE);
}
