import { sha256 } from "#sha256";
import { utf8 } from "./bytes.ts";
import { hashChain } from "./sha256/batch.ts";
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
  leafCount(leaves);
  return hashChain(chain, leaves);
}
