import { stat } from "node:fs/promises";
import { type Archive, logOf } from "../archive/archive.ts";
import { OpenArchive, spoolFolder } from "../archive/log/open-archive.ts";
import { finishReindex } from "../archive/log/reindex.ts";
import { Spool } from "../archive/spool/spool.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import type { Signer } from "../core/key.ts";
import { DurableLog, type DurableLogOptions, quarantineAdvice } from "./durable-log.ts";
import { onInterrupt } from "./interrupt.ts";

/** A log's spool on this machine, for a command that writes to the log without it. */
export interface HeldSpool extends AsyncDisposable {
  /** Whether a source was followed into the log from here. */
  follows(source: string): boolean;
}

/**
 * Archives what waits in a log's spool on this machine, since indexes in the log are promised there, and keeps the spool from
 * other processes meanwhile. Where there is none, none is made.
 * @throws SteleError `spool.locked` when another process writes the log from here, `spool.*`, and what archiving throws
 */
export async function holdSpool(
  archive: Archive,
  signer: Signer,
  options: DurableLogOptions & { readonly threads: number | undefined },
): Promise<HeldSpool> {
  const { spool: root, log, threads } = options;
  const { origin } = logOf(archive, log);
  const folder = spoolFolder(root, origin);
  await finishReindex(folder);
  if ((await stat(folder).catch(() => null)) === null)
    return { follows: () => false, [Symbol.asyncDispose]: async () => undefined };
  let spool = await openSpool(folder, origin, options);
  if (spool.entries > 0) {
    await spool.close();
    const writing = new OpenArchive(archive, { signer, spool: root, threads }, null);
    await using durable = await DurableLog.open(writing, options);
    using interruption = onInterrupt("stopping: what is not archived yet stays in the spool.");
    await durable.finish(interruption);
    interruption.stop.throwIfAborted();
    spool = await openSpool(folder, origin, options);
  }
  return { follows: (source) => spool.cursor(source) !== null, [Symbol.asyncDispose]: () => spool.close() };
}

async function openSpool(folder: string, origin: string, { limits, log, drainCommand }: DurableLogOptions): Promise<Spool> {
  try {
    return await Spool.open(folder, { origin, limits, now: Date.now });
  } catch (cause) {
    if (isSteleError(cause, "spool.damaged")) {
      throw new SteleError(cause.code, `${cause.message} ${quarantineAdvice(drainCommand)}`, { cause });
    }
    if (!isSteleError(cause, "spool.locked")) throw cause;
    throw new SteleError(
      cause.code,
      `another process writes log ${log} from this machine, and a log has one writer: end it first, or archive through it. ${cause.message}`,
      { cause },
    );
  }
}
