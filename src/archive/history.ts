import { type Commit, subtreeRoot } from "../core/commit.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import { nodeHash } from "../core/hash.ts";
import type { VerifierKey } from "../core/key.ts";
import { consistencySubtrees } from "../core/consistency.ts";
import { inclusionSubtrees } from "../core/inclusion.ts";
import type { Subtree } from "../core/tree.ts";
import type { Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";
import { askForManifest } from "./ask-for.ts";
import { type Candidates, chooseManifest, readManifest } from "./candidates.ts";

const MAX_NODES = 50_000;

/**
 * Proofs over a log's manifest tree as of a head, from O(log n) manifest objects. Hashes that come from the store are not
 * trusted: whoever uses a proof verifies it against roots that are signed.
 */
export class History {
  readonly #store: Store;
  readonly #log: LogIdentity;
  readonly #head: Commit;
  readonly #keys: readonly VerifierKey[];
  /** Roots of subtrees, by level and index: a few for every doubling of the log. */
  readonly #nodes = new Map<string, Uint8Array>();

  constructor(store: Store, log: LogIdentity, head: Commit, keys: readonly VerifierKey[]) {
    this.#store = store;
    this.#log = log;
    this.#head = head;
    this.#keys = keys;
  }

  /** Manifests in the head's tree. */
  get size(): number {
    return this.#head.after.size;
  }

  /** The root of the head's tree. */
  get root(): Uint8Array {
    return this.#head.after.root();
  }

  /** Keys that may have signed the log's manifests. */
  get keys(): readonly VerifierKey[] {
    return this.#keys;
  }

  /** The manifest at `index`. @throws SteleError `log.unsound` when the log's key has signed none there */
  async commit(index: number): Promise<Commit> {
    if (index === this.#head.manifest.index) return this.#head;
    const { chosen } = await this.#read(index);
    if (chosen === null) {
      throw new SteleError(
        "log.unsound",
        `log ${this.#log.name}: manifest ${index} is missing or not signed by the log's key; run "stele verify"`,
      );
    }
    return chosen.commit;
  }

  /** A listing that leaves the manifest out does not make it missing. */
  async #read(index: number): Promise<Candidates> {
    const listed = await readManifest(this.#store, this.#log, index, this.#keys);
    if (listed.chosen !== null) return listed;
    const claims = await askForManifest(this.#store, this.#log, index);
    if (isSteleError(claims)) throw claims;
    return chooseManifest(claims, this.#log, index, this.#keys);
  }

  /** The audit path of manifest `index` in the head's tree. */
  inclusionProof(index: number): Promise<Uint8Array[]> {
    return this.#roots(inclusionSubtrees(index, this.size));
  }

  /** The consistency proof from `oldSize` manifests to the head's tree. */
  consistencyProof(oldSize: number): Promise<Uint8Array[]> {
    return this.#roots(consistencySubtrees(oldSize, this.size));
  }

  /** The root of a perfect subtree of `2^level` manifests, the `index`-th of its level. */
  async node(level: number, index: number): Promise<Uint8Array> {
    const place = `${level}/${index}`;
    const known = this.#nodes.get(place);
    if (known !== undefined) return known;
    const root = subtreeRoot(await this.commit((index + 1) * 2 ** level - 1), level);
    // Whoever goes through a whole log asks for each only a few times, one soon after the other.
    if (this.#nodes.size >= MAX_NODES) this.#nodes.clear();
    this.#nodes.set(place, root);
    return root;
  }

  async #roots(subtrees: readonly Subtree[]): Promise<Uint8Array[]> {
    const roots: Uint8Array[] = [];
    for (const subtree of subtrees) roots.push(await this.#subtree(subtree));
    return roots;
  }

  /** The root over manifests `[first, first + size)`: perfect, or all that is right of a split. */
  async #subtree({ first, size }: Subtree): Promise<Uint8Array> {
    const level = Math.log2(size);
    if (Number.isInteger(level)) return this.node(level, first / size);
    // Not perfect: it ends at the tree's edge, and the head's compact range holds its parts.
    const { nodes } = this.#head.after;
    let at = 0;
    let skipped = 0;
    while (at < first) {
      at += largestPowerWithin(this.size - at);
      skipped++;
    }
    return (
      nodes
        .slice(skipped)
        .reduceRight<Uint8Array | null>((right, left) => (right === null ? left : nodeHash(left, right)), null) ?? this.#head.leaf
    );
  }
}

function largestPowerWithin(n: number): number {
  let bit = 1;
  while (bit * 2 <= n) bit *= 2;
  return bit;
}
