import { SteleError } from "../core/error.ts";
import type { VerifierKey } from "../core/key.ts";
import type { Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";
import type { ChosenManifest } from "./candidates.ts";
import { walkToHead } from "./locate.ts";

/**
 * A key is in force after the head when it signed the head, or the head says so; otherwise the log's rotations tell. Writing
 * with any other key would make a manifest that no reader accepts, beside the real one.
 */
export async function requireKeyInForce(
  store: Store,
  log: LogIdentity,
  key: VerifierKey,
  known: readonly VerifierKey[],
  newest: ChosenManifest | null,
  signal?: AbortSignal,
): Promise<void> {
  const isOurs = ({ vkey }: VerifierKey): boolean => vkey === key.vkey;
  if (newest === null) {
    if (known.some(isOurs)) return;
  } else {
    const rotation = newest.commit.manifest.keys;
    const retired = rotation?.retire.includes(key.vkey) ?? false;
    if (!retired && (newest.signedBy.some(isOurs) || rotation?.add.includes(key.vkey))) return;
  }
  const { ring } = await walkToHead(store, log, known, signal);
  if (ring.inForce.some(isOurs)) return;
  throw new SteleError(
    "log.key",
    `log ${log.name}: the signing key ${key.vkey} is not in force; expected ${ring.inForce.map(({ vkey }) => vkey).join(" or ") || "a key of the archive"}. ` +
      `Give the archive's own key with --key-file.`,
  );
}
