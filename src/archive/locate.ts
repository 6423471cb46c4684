import type { VerifierKey } from "../core/key.ts";
import type { Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";
import { type ChosenManifest, chooseManifest, type Other } from "./candidates.ts";
import { findHead } from "./head.ts";
import { KeyRing } from "./key-ring.ts";
import { hasRotations } from "./rotations.ts";
import { walkManifests } from "./walk.ts";

/** A log's head, and whose word holds after it. */
export interface LocatedHead {
  readonly newest: ChosenManifest | null;
  /** In force after the head. */
  readonly ring: KeyRing;
  /** All keys that may have signed the log up to here. */
  readonly keys: readonly VerifierKey[];
  /** The keys in force from each manifest on at which they changed; the first from 0 on. */
  readonly terms: readonly KeyTerm[];
  readonly passedOver: readonly Other[];
}

/** Keys in force from a manifest on. */
export interface KeyTerm {
  readonly from: number;
  readonly keys: readonly VerifierKey[];
}

/** The keys that may sign manifest `index`. */
export function keysAt({ terms }: Pick<LocatedHead, "terms">, index: number): readonly VerifierKey[] {
  return terms.findLast(({ from }) => from <= index)?.keys ?? [];
}

/**
 * Finds a log's head by keys that were in force at its beginning. Usually O(log n) requests; where keys were rotated, or the
 * log's end is signed by someone else, the whole log is walked to follow its rotations, so that neither a rotation hides the
 * head nor a stranger's or a retired key's signature makes one.
 */
export async function locateHead(
  store: Store,
  log: LogIdentity,
  keys: readonly VerifierKey[],
  signal?: AbortSignal,
): Promise<LocatedHead> {
  if (await hasRotations(store, log, signal)) return walkToHead(store, log, keys, signal);
  const { newest, passedOver } = await findHead(store, log, keys, { signal });
  if (!passedOver.some(({ refused }) => refused?.code === "proof.signature")) {
    const ring = new KeyRing(keys);
    const terms = [{ from: 0, keys }];
    if (newest !== null) followTerm(ring, newest, terms);
    return { newest, ring, keys: [...keys, ...ring.inForce], terms, passedOver };
  }
  return walkToHead(store, log, keys, signal);
}

/** Follows a log's key rotations from its beginning to its head. */
export async function walkToHead(
  store: Store,
  log: LogIdentity,
  keys: readonly VerifierKey[],
  signal?: AbortSignal,
): Promise<LocatedHead> {
  const ring = new KeyRing(keys);
  const all = [...keys];
  const terms: KeyTerm[] = [{ from: 0, keys }];
  let newest: ChosenManifest | null = null;
  let passedOver: Other[] = [];
  for await (const step of walkManifests(store, log, 0, signal)) {
    if (step.kind !== "manifest") continue;
    const { chosen, others } = await chooseManifest(step.claims, log, step.index, ring.inForce);
    if (chosen === null) {
      passedOver.push(...others);
      continue;
    }
    newest = chosen;
    passedOver = [];
    followTerm(ring, chosen, terms);
    all.push(...ring.inForce.filter((key) => !all.some(({ vkey }) => vkey === key.vkey)));
  }
  return { newest, ring, keys: all, terms, passedOver };
}

function followTerm(ring: KeyRing, { commit }: ChosenManifest, terms: KeyTerm[]): void {
  ring.follow(commit);
  if (commit.manifest.keys !== undefined) terms.push({ from: commit.manifest.index + 1, keys: ring.inForce });
}
