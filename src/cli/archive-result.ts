import { fromUtf8, toBase64 } from "../core/bytes.ts";
import { encodeCheckpoint } from "../core/checkpoint.ts";
import type { Commit } from "../core/commit.ts";
import { writeCheckpointFile } from "./checkpoint-file.ts";
import { type Remarks, style, writeJson, writeLine } from "./output.ts";
import { counted, duration, size, speed } from "./words.ts";

/** What a run archived, by which way whatever. */
export interface Archived {
  readonly log: string;
  /** The archive's. */
  readonly origin: string;
  readonly entries: number;
  readonly segments: number;
  /** Bytes of the entries, each with its line feed. */
  readonly rawBytes: number;
  /** Bytes of the segments as stored. */
  readonly storedBytes: number;
  /** `unknown`: the store could not be reached. */
  readonly head: Commit | null | "unknown";
  /** What stayed in the spool. */
  readonly spooled: { readonly entries: number; readonly bytes: number };
  readonly millis: number;
}

export interface ResultOptions {
  readonly json: boolean;
  /** Whether the run ended as asked. */
  readonly ok: boolean;
  readonly saveCheckpoint: string | undefined;
  readonly remarks: Remarks;
}

/** Says what was archived, to a person or a script, and keeps the checkpoint where one was asked for. */
export async function reportArchived(archived: Archived, options: ResultOptions): Promise<void> {
  const { json, ok, saveCheckpoint, remarks } = options;
  const { log, head } = archived;
  if (saveCheckpoint !== undefined) {
    if (head === "unknown") remarks.warn(`the store could not be reached: ${saveCheckpoint} was not written`);
    else if (head === null) remarks.warn(`log ${log} is empty and has no checkpoint yet: ${saveCheckpoint} was not written`);
    else await writeCheckpointFile(saveCheckpoint, head.checkpoint);
  }
  if (json) writeJson({ ok, ...asJson(archived) });
  else printArchived(archived);
}

function asJson({ log, origin, entries, segments, rawBytes, storedBytes, head, spooled }: Archived): object {
  return {
    log,
    origin: `${origin}/${log}`,
    entries,
    segments,
    rawBytes,
    storedBytes,
    spooled: { entries: spooled.entries, bytes: spooled.bytes },
    head:
      head === null || head === "unknown"
        ? null
        : {
            size: head.checkpoint.size,
            root: toBase64(head.checkpoint.root),
            checkpoint: fromUtf8(encodeCheckpoint(head.checkpoint)),
          },
  };
}

function printArchived({ log, origin, entries, segments, rawBytes, storedBytes, head, millis }: Archived): void {
  writeLine(
    `${style("bold", counted(entries, "entry", "entries"))} archived into ${log} of ${origin}, in ${counted(segments, "segment")}`,
  );
  if (entries > 0) {
    const facts = [
      `${size(rawBytes)} of events`,
      `${size(storedBytes)} stored (${(rawBytes / storedBytes).toFixed(1)} : 1)`,
      duration(millis),
    ];
    // What takes a moment is mostly starting up.
    if (millis >= 1000) facts.push(speed(rawBytes, millis));
    writeLine(facts.join(", "));
  }
  if (head === "unknown") {
    writeLine("head: not known, the store could not be reached");
    return;
  }
  if (head === null) {
    writeLine("The log is still empty: until something is archived, verify finds that (unless told --allow-empty).");
    return;
  }
  const { first, count: last } = head.manifest.entries;
  writeLine(
    `head: ${counted(head.checkpoint.size, "manifest")}, ${counted(first + last, "entry", "entries")}, root ${toBase64(head.checkpoint.root)}`,
  );
  writeLine(`locked until ${head.manifest.retention.until} (${head.manifest.retention.mode})`);
}
