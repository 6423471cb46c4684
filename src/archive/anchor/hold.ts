import { equalBytes, toBase64 } from "../../core/bytes.ts";
import type { Checkpoint } from "../../core/checkpoint.ts";
import type { Commit } from "../../core/commit.ts";
import { verifyConsistency } from "../../core/consistency.ts";
import { isSteleError } from "../../core/error.ts";
import { emptyRoot } from "../../core/hash.ts";
import type { VerifierKey } from "../../core/key.ts";
import type { Store } from "../../store/port.ts";
import type { LogIdentity } from "../archive.ts";
import { readManifest } from "../candidates.ts";
import { type Finding, finding } from "../finding.ts";
import { History } from "../history.ts";

const KEPT = 64;

/**
 * Holds checkpoints that the log's key signed against the log as it is now. Each tree is looked at once, however many anchors
 * it has.
 */
export class HeldLog {
  readonly #store: Store;
  readonly #log: LogIdentity;
  readonly #head: Commit | null;
  readonly #keys: readonly VerifierKey[];
  readonly #signal: AbortSignal | undefined;
  readonly #history: History | null;
  /** Whether whoever asks has proven all manifests to be of one history: then the manifest at a size stands for the tree. */
  readonly #isWalked: boolean;
  readonly #known = new Map<string, Promise<Finding | null>>();
  /** The manifests asked for last: anchors of one checkpoint, and their locks, ask for the same. */
  readonly #commits = new Map<number, Promise<Commit>>();

  constructor(
    store: Store,
    log: LogIdentity,
    head: Commit | null,
    keys: readonly VerifierKey[],
    options: { readonly isWalked: boolean; readonly signal?: AbortSignal | undefined },
  ) {
    this.#store = store;
    this.#log = log;
    this.#head = head;
    this.#keys = keys;
    this.#isWalked = options.isWalked;
    this.#signal = options.signal;
    this.#history = head === null ? null : new History(store, log, head, keys);
  }

  /** What is wrong with the log, if it is not one that has had this tree. @param what the anchor, for the message */
  async hold(tree: Checkpoint, what: string, where: Partial<Finding>): Promise<Finding | null> {
    const name = `${tree.size} ${toBase64(tree.root)}`;
    let known = this.#known.get(name);
    if (known === undefined) {
      known = this.#compare(tree);
      this.#known.set(name, known);
    }
    const found = await known;
    return found === null ? null : { ...found, ...where, message: `${what}: ${found.message}` };
  }

  /** The manifest that ends a tree of `size`. @throws SteleError `log.unsound` when there is none, `store.*` */
  last(size: number): Promise<Commit | null> {
    if (size === 0 || this.#history === null) return Promise.resolve(null);
    let commit = this.#commits.get(size);
    if (commit === undefined) {
      commit = this.#history.commit(size - 1);
      this.#commits.set(size, commit);
      const [oldest] = this.#commits.keys();
      if (this.#commits.size > KEPT && oldest !== undefined) this.#commits.delete(oldest);
    }
    return commit;
  }

  async #compare(tree: Checkpoint): Promise<Finding | null> {
    try {
      const size = this.#head?.after.size ?? 0;
      if (tree.size > size) return await this.#behindHead(tree, size);
      const actual = await this.#rootAt(tree);
      return actual === null || equalBytes(actual, tree.root) ? null : this.#otherHistory(tree, actual);
    } catch (error) {
      if (!isSteleError(error) || this.#signal?.aborted === true) throw error;
      if (error.code === "proof.consistency") return this.#otherHistory(tree, null);
      return finding("anchor.unreadable", this.#log.name, `it can't be held against the log: ${error.message}`);
    }
  }

  /** The log's root at a size up to the head's; null when the tree was proven to be a beginning of the head's. */
  async #rootAt(tree: Checkpoint): Promise<Uint8Array | null> {
    const { size } = tree;
    if (size === 0 || this.#head === null || this.#history === null) return emptyRoot();
    if (size === this.#head.after.size) return this.#head.after.root();
    if (this.#isWalked) return (await this.last(size))?.after.root() ?? null;
    const proof = await this.#history.consistencyProof(size);
    verifyConsistency(size, this.#head.after.size, proof, tree.root, this.#head.after.root());
    return null;
  }

  /**
   * A tree that is larger than the head's. The log may have grown since the head was found: so the manifest itself is asked
   * for before the log is said to be cut off.
   */
  async #behindHead(tree: Checkpoint, size: number): Promise<Finding | null> {
    const { chosen } = await readManifest(this.#store, this.#log, tree.size - 1, this.#keys, this.#signal);
    if (chosen === null) {
      const message = `the log had ${tree.size} manifests then, and now ends after ${size}: its tail was cut off`;
      return finding("log.truncated", this.#log.name, message, {
        expected: `${tree.size} manifests`,
        actual: `${size} manifests`,
      });
    }
    const later = chosen.commit.after.root();
    if (!equalBytes(later, tree.root)) return this.#otherHistory(tree, later);
    if (this.#head === null) return null;
    const proof = await new History(this.#store, this.#log, chosen.commit, this.#keys).consistencyProof(size);
    verifyConsistency(size, tree.size, proof, this.#head.after.root(), later);
    return null;
  }

  #otherHistory({ size, root }: Checkpoint, actual: Uint8Array | null): Finding {
    return finding(
      "checkpoint.inconsistent",
      this.#log.name,
      "the log is not the one that it was made of: there are two histories",
      {
        index: size - 1,
        expected: `root ${toBase64(root)}`,
        actual: actual === null ? null : `root ${toBase64(actual)}`,
      },
    );
  }
}
