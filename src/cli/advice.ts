import { type Finding, type FindingCode, isUnreadable } from "../archive/finding.ts";

const RETRY =
  "Run it again. If it stays, check permissions and the store's own health. Nothing is said yet about what could not be read.";

/** What a finding means for whoever reads it at three in the morning. */
export const ADVICE: Readonly<Record<FindingCode, string>> = {
  "segment.missing": "Events are gone that the log committed to.",
  "segment.altered": "Events were changed after they were committed.",
  "segment.unreadable": RETRY,
  "manifest.missing": "A part of the log is gone.",
  "manifest.altered": "What stands there was not signed by the log's key, or was changed since.",
  "manifest.unreadable": RETRY,
  "tile.missing": "No event is lost: tiles are made again from manifests at the next archive to this log.",
  "tile.altered": "No event is lost, the log does not depend on its tiles; but someone else wrote there.",
  "tile.unreadable": RETRY,
  "description.missing": "Pin the key with --key: without its description the archive can't say whose it is.",
  "description.altered": "Pin the key with --key: what the archive says of itself can't be believed.",
  "description.unreadable": RETRY,
  "chain.broken": "The log's history was rewritten or reordered, or a part of it is gone.",
  "checkpoint.bad-signature":
    "Check that the pinned key and the checkpoint are this log's. If so, someone without its key wrote this.",
  "checkpoint.inconsistent": "There are two histories: this is not the log that was seen before.",
  "log.missing": "Check the name and the place. Where nothing was archived yet, say so with --allow-empty.",
  "log.truncated": "The newest part of the log is gone.",
  "log.unreadable": RETRY,
  "log.silent": "Check that its writer runs and can reach the store.",
  "anchor.bad": "It proves nothing: pin its maker's key or certificate, or find out who put it there. No event depends on it.",
  "anchor.stale": "Run stele anchor, and look at what it says: until then nobody outside has seen the newest part of the log.",
  "anchor.unreadable": RETRY,
  "object.shadowed": "The true version is kept below the newer one, and was read. Find out who wrote the newer one.",
  "object.delete-marker": "The object is still there below its delete marker, and was read. Find out who deleted it.",
  "object.stray": "It is no part of the log. Find out who put it there.",
  "object.duplicate": "Harmless: the same bytes twice, as a retry leaves them.",
  "rotation.unmarked":
    "Whoever reads a part of the log may believe a key that was retired. Verify whole logs, and pin only keys in force.",
  "object.copied": "Sound: this is a copy of the archive, where versions have other ids.",
  "object.expired": "Its lock has ended as it was meant to: it can be deleted now.",
  "lock.absent": "Whoever has the right to delete can remove it. Extend its lock, and run stele doctor on this store.",
  "lock.weaker-mode": "Some can remove it before its time. Raise its lock to COMPLIANCE, and run stele doctor on this store.",
  "lock.short": "It can be removed before its time. Extend its lock, and run stele doctor on this store.",
  "lock.expiring": "Extend its lock if it is still to be kept.",
  "lock.unreadable": "Grant s3:GetObjectRetention and s3:GetObjectLegalHold to whoever verifies, and run it again.",
};

const EVIDENCE = `What to do now: change nothing, it is evidence. Keep this output (and that of --json). Compare with copies and with
checkpoints kept elsewhere, find out who could write there and when, and tell whoever answers for the archive.`;

/** What all findings together ask for; null where each says it for itself. */
export function adviceOverall(findings: readonly Finding[]): string | null {
  return findings.some((found) => found.severity === "critical" && !isUnreadable(found)) ? EVIDENCE : null;
}
