import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Log } from "../../../src/archive/log/log.ts";
import type { LogOptions } from "../../../src/archive/log/log-options.ts";
import { type OpenArchive, openArchive, type OpenArchiveOptions } from "../../../src/archive/log/open-archive.ts";
import type { Store } from "../../../src/store/port.ts";
import { LOG, NOW, OWNER } from "../fixture.ts";

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "stele-log-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export interface TestedLog {
  readonly opened: OpenArchive;
  readonly log: Log;
}

/** Opens a log for appending, in segments of at most four entries; let go of after the test, archived or not. */
export async function openLog(
  store: Store,
  spool: string,
  options: LogOptions & Pick<OpenArchiveOptions, "now" | "metrics"> = {},
): Promise<TestedLog> {
  const { now = () => NOW, metrics, ...rest } = options;
  const opened = await openArchive(store, { signer: OWNER, spool, writerId: "test", threads: 1, now, metrics });
  onTestFinished(() => opened.close({ signal: AbortSignal.abort(new Error("the test is over")) }));
  return { opened, log: opened.log(LOG, { limits: { entries: 4 }, ...rest }) };
}

/** Letters of the alphabet as events: `a0`, `a1`, ... */
export function numbered(prefix: string, count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${from + i}`);
}
