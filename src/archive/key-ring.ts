import type { Commit } from "../core/commit.ts";
import { delegatedKeys, type Description } from "../core/description.ts";
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
 * The keys to believe in an archive: the pinned ones, and those that a description signed by them names for single logs of
 * the archive; without pinned keys, those that the archive names.
 * @param description null where it can't be had: then nothing is delegated
 */
export function keysOfArchive(description: Description | null, pinned: readonly VerifierKey[]): readonly VerifierKey[] {
  if (description === null) return pinned;
  if (pinned.length === 0) return description.keys.map(parseVerifierKey);
  const delegated = delegatedKeys(description).filter(({ vkey }) => !pinned.some((key) => key.vkey === vkey));
  return [...pinned, ...delegated];
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
