import type { Commit } from "../core/commit.ts";
import { parseVerifierKey, renameVerifierKey, type VerifierKey } from "../core/key.ts";

/**
 * The keys in force as a log is walked. It starts with the keys that the reader pinned (or, for want of them, those that the
 * archive names itself), and follows the log's own rotations: what a manifest says of keys holds from the next one on.
 */
export class KeyRing {
  #inForce: readonly VerifierKey[];

  constructor(keys: readonly VerifierKey[]) {
    this.#inForce = keys;
  }

  get inForce(): readonly VerifierKey[] {
    return this.#inForce;
  }

  /** Takes in a manifest that a key in force has signed. */
  follow({ manifest }: Pick<Commit, "manifest">): void {
    if (manifest.keys === undefined) return;
    const { add, retire } = manifest.keys;
    const kept = this.#inForce.filter(({ vkey }) => !retire.includes(vkey));
    const added = add.map(parseVerifierKey).filter(({ vkey }) => !kept.some((key) => key.vkey === vkey));
    this.#inForce = [...kept, ...added];
  }
}

/**
 * The keys, of those given, that are a log's: those of its origin by name, and those of the archive above it, which sign for
 * each of the archive's logs under the log's name.
 */
export function keysOfLog(keys: readonly VerifierKey[], origin: string): VerifierKey[] {
  const own = keys
    .filter(({ name }) => name === origin || origin.startsWith(`${name}/`))
    .map((key) => renameVerifierKey(key, origin));
  return own.filter((key, i) => own.findIndex(({ vkey }) => vkey === key.vkey) === i);
}
