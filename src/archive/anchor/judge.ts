import { utf8 } from "../../core/bytes.ts";
import { openCheckpoint, type SignedCheckpoint } from "../../core/checkpoint.ts";
import { verifyCosignatures } from "../../core/cosignature.ts";
import { SteleError } from "../../core/error.ts";
import type { VerifierKey } from "../../core/key.ts";
import type { Timestamp } from "../../core/time.ts";
import type { LogIdentity } from "../archive.ts";
import type { AnchorPolicy } from "./anchoring.ts";
import type { AnchorPlace } from "./places.ts";
import { parseStamped } from "./stamped-checkpoint.ts";

/** Who vouched for a checkpoint, and when. */
export interface Voucher {
  /** A witness's vkey, an authority's subject, or a second store. */
  readonly by: string;
  /** By the voucher's own clock; null where it says no time. */
  readonly time: Timestamp | null;
  /** Whether the voucher was told apart by a key, a certificate or a place that the user gave. */
  readonly pinned: boolean;
}

/** The checkpoint in an anchor, signed by the log's key. */
export function checkpointIn(
  place: AnchorPlace,
  bytes: Uint8Array,
  log: LogIdentity,
  keys: readonly VerifierKey[],
): SignedCheckpoint {
  const note = place.kind === "timestamp" ? utf8(parseStamped(bytes).checkpoint) : bytes;
  const { checkpoint } = openCheckpoint(note, log.origin, keys);
  if (checkpoint.size !== place.size) {
    throw new SteleError("format.checkpoint", `checkpoint: expected size ${place.size}, as its key says, got ${checkpoint.size}`);
  }
  return checkpoint;
}

/**
 * Who vouches for an anchor's checkpoint.
 * @throws SteleError `proof.signature`, `proof.timestamp`, `format.*` when a voucher's word does not hold, or nobody's does of
 *   those who are pinned
 */
export async function vouchersOf(
  place: AnchorPlace,
  bytes: Uint8Array,
  checkpoint: SignedCheckpoint,
  { witnesses, authorities }: AnchorPolicy,
): Promise<Voucher[]> {
  if (place.kind === "copy") return [{ by: place.store.url, time: null, pinned: true }];
  if (place.kind === "timestamp") {
    const { token, checkpoint: stamped } = parseStamped(bytes);
    // Loaded where there is a token, and only there.
    const { verifyToken } = await import("./timestamp-token.ts");
    const { authority, time, pinned } = await verifyToken(token, utf8(stamped), authorities);
    return [{ by: authority, time, pinned }];
  }
  if (witnesses.length === 0) {
    const others = checkpoint.note.signatures.filter(({ name }) => name !== checkpoint.origin);
    return others.map(({ name }) => ({ by: name, time: null, pinned: false }));
  }
  const cosignatures = verifyCosignatures(checkpoint.note, witnesses);
  if (cosignatures.length === 0) {
    throw new SteleError("proof.signature", "no cosignature by a witness that was given");
  }
  return cosignatures.map(({ key, time }) => ({ by: key.vkey, time, pinned: true }));
}
