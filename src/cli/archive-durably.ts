import { follow } from "../archive/input/follow.ts";
import type { OpenArchive } from "../archive/log/open-archive.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import { isProvenance } from "../core/manifest.ts";
import type { Archived } from "./archive-result.ts";
import { DurableLog, type DurableLogOptions } from "./durable-log.ts";
import { archivedBefore, type FollowedFile, sayNotice } from "./followed-files.ts";
import type { Interruption } from "./interrupt.ts";
import { LineIntake } from "./line-intake.ts";
import { readUntil } from "./standard-input.ts";
import { duration, printable } from "./words.ts";

/** What comes in: standard input until its end, or files for as long as the command runs. */
export type Input =
  | { readonly kind: "stream"; readonly source: string }
  | {
      readonly kind: "files";
      readonly files: readonly FollowedFile[];
      /** Whether reading goes on where it came to before. */
      readonly resume: boolean;
    };

/**
 * Archives what comes in through the log's spool.
 * @throws what ended the reading or the log, after what was read before is archived as far as that is possible
 */
export async function archiveDurably(
  archive: OpenArchive,
  input: Input,
  options: DurableLogOptions,
  interruptible: (message: string) => Interruption,
): Promise<{ readonly archived: Archived; readonly exitCode: number | null }> {
  if (input.kind === "stream" && !isProvenance(input.source)) {
    throw new SteleError("input.invalid", "--source: expected at most 1024 characters of Unicode");
  }
  await using durable = await DurableLog.open(archive, options);
  const cursors = input.kind === "files" ? await startingPoints(archive, input, durable, options) : new Map<string, string>();
  const { drainMillis } = options.writer;
  const drains = drainMillis === 0 ? "and stays there" : `and is archived now, for at most ${duration(drainMillis)}`;
  using interruption = interruptible(`stopping: what was read is safe in the spool, ${drains}. Interrupt again to end at once.`);
  options.remarks.note(
    `safe to interrupt: what is read is kept in ${printable(durable.folder)} until it is archived, by this run or the next`,
  );
  const stop = AbortSignal.any([interruption.stop, durable.stopped]);
  let failure: unknown = null;
  try {
    if (input.kind === "stream") await takeStream(durable, input.source, options.limits.entryBytes, stop);
    else await takeFiles(durable, input.files, cursors, options, stop);
  } catch (error) {
    failure = error;
  }
  const archived = await durable.finish(interruption, failure);
  return { archived, exitCode: interruption.exitCode() };
}

async function takeStream(durable: DurableLog, source: string, maxEventBytes: number, stop: AbortSignal): Promise<void> {
  const intake = new LineIntake({ label: source, maxEventBytes, append: (lines) => durable.append(lines, source) });
  for await (const chunk of readUntil(process.stdin, source, stop)) {
    await intake.push(chunk);
    // Where it is full, what is read has its place all the same: only then is it safe to interrupt.
    await durable.roomToRead(stop);
  }
  await intake.finish();
}

async function takeFiles(
  durable: DurableLog,
  files: readonly FollowedFile[],
  cursors: ReadonlyMap<string, string>,
  { remarks, limits }: DurableLogOptions,
  stop: AbortSignal,
): Promise<void> {
  const halt = new AbortController();
  const over = AbortSignal.any([stop, halt.signal]);
  const takeFile = async ({ path, source }: FollowedFile): Promise<void> => {
    const following = follow(path, {
      cursor: cursors.get(source) ?? null,
      stop: over,
      maxEventBytes: limits.entryBytes,
      onNotice: (notice) => sayNotice(notice, remarks),
    });
    // One append after the other: a cursor must not become durable when the lines before it did not.
    for await (const { bytes, cursor } of following) {
      await durable.append(bytes, source, cursor);
      await durable.roomToRead(over);
    }
  };
  const taken = await Promise.allSettled(
    files.map((file) =>
      takeFile(file).catch((error: unknown) => {
        halt.abort();
        throw error;
      }),
    ),
  );
  for (const result of taken) if (result.status === "rejected") throw result.reason;
}

/** Cursors from the spool; for a file that was never followed, from what the log says was archived of it. */
async function startingPoints(
  archive: OpenArchive,
  { files, resume }: Extract<Input, { kind: "files" }>,
  durable: DurableLog,
  { log, remarks }: DurableLogOptions,
): Promise<Map<string, string>> {
  const cursors = new Map<string, string>();
  if (!resume) return cursors;
  const unknown: FollowedFile[] = [];
  for (const file of files) {
    const cursor = durable.cursor(file.source);
    if (cursor === null) unknown.push(file);
    else cursors.set(file.source, cursor);
  }
  if (unknown.length === 0) return cursors;
  try {
    for (const [source, cursor] of await archivedBefore(archive, log, unknown, remarks)) cursors.set(source, cursor);
  } catch (error) {
    if (!isSteleError(error, "store.unreachable")) throw error;
    throw new SteleError(
      error.code,
      `${error.message}. Whether ${unknown.map(({ path }) => path).join(", ")} was archived before can't be looked up now: ` +
        `try again when the store can be reached, or follow from the beginning with --no-resume`,
      { cause: error },
    );
  }
  return cursors;
}
