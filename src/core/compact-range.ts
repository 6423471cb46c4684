import { SteleError } from "./error.ts";
import { emptyRoot, HASH_SIZE, nodeHash } from "./hash.ts";

/**
 * The compact range [0, size) of a tree: the roots of the perfect subtrees that its leaves fill, one for every set bit of
 * `size`, largest first (transparency.dev's compact range). It is all that is needed to append and to know the root.
 * Immutable: appending gives a new range.
 */
export class CompactRange {
  static readonly empty: CompactRange = new CompactRange(0, []);

  /** How many leaves. */
  readonly size: number;
  /** One hash of 32 bytes for every set bit of `size`, the largest subtree first. */
  readonly nodes: readonly Uint8Array[];

  private constructor(size: number, nodes: readonly Uint8Array[]) {
    this.size = size;
    this.nodes = nodes;
  }

  /** @throws SteleError `format.tile` when the number or length of the hashes does not fit `size`. */
  static of(size: number, nodes: readonly Uint8Array[]): CompactRange {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new SteleError("format.tile", `compact range: expected a size from 0 to 2^53 - 1, got ${size}`);
    }
    if (nodes.length !== setBits(size)) {
      throw new SteleError("format.tile", `compact range: size ${size} has ${setBits(size)} nodes, got ${nodes.length}`);
    }
    for (const node of nodes) {
      if (node.length !== HASH_SIZE)
        throw new SteleError("format.tile", `compact range: expected ${HASH_SIZE} bytes a node, got ${node.length}`);
    }
    return new CompactRange(size, [...nodes]);
  }

  /** The range with one more leaf. */
  append(leaf: Uint8Array): CompactRange {
    const nodes = [...this.nodes];
    let node = leaf;
    for (let rest = this.size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      const left = nodes.pop();
      if (left === undefined) throw new RangeError("compact range: nodes do not fit the size");
      node = nodeHash(left, node);
    }
    nodes.push(node);
    return new CompactRange(this.size + 1, nodes);
  }

  /** The Merkle Tree Hash (RFC 6962 section 2.1) of the leaves. */
  root(): Uint8Array {
    return (
      this.nodes.reduceRight<Uint8Array | null>((right, left) => (right === null ? left : nodeHash(left, right)), null) ??
      emptyRoot()
    );
  }
}

function setBits(n: number): number {
  let count = 0;
  for (let rest = n; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
