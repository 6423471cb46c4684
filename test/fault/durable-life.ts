import type { Log } from "../../src/archive/log/log.ts";
import type { LogOptions } from "../../src/archive/log/log-options.ts";
import { openArchive } from "../../src/archive/log/open-archive.ts";
import type { Sleep } from "../../src/store/sleep.ts";
import { isSteleError } from "../../src/core/error.ts";
import type { Store } from "../../src/store/port.ts";
import { LOG, NOW, OWNER } from "../archive/fixture.ts";
import type { Ledger } from "./ledger.ts";

/** Longer than any wait for a store to come back: whoever asks for it waits for good. */
const FOR_EVER = 1000;

/** What a program sees of a writer from opening a log to closing it. */
export interface Session {
  /** Why the archive or the log could not be opened; null when it was. */
  readonly unopened: unknown;
  /** What ended the log's writing. */
  readonly stopped: Error | null;
  /** How often the store failed for a moment. */
  readonly retries: number;
  /** What stayed in the spool. */
  readonly remaining: number;
}

/** Waits between tries end as soon as others have done what they can; segments are never ended by their age. */
const hurried: Sleep = async (millis, signal) => {
  if (millis < FOR_EVER) return othersDone();
  await new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(new Error("woken")), { once: true });
  });
};

/** Others do first what they can at once. */
export function othersDone(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Opens the log, in segments of four entries and with three uploads at a time, lets `work` use it, and closes it. */
export async function session(
  store: Store,
  spool: string,
  work: (log: Log) => Promise<unknown>,
  options: LogOptions = {},
  now: () => number = () => NOW,
): Promise<Session> {
  const seen: { stopped: Error | null; retries: number } = { stopped: null, retries: 0 };
  const result = (unopened: unknown, remaining: number): Session => ({ unopened, remaining, ...seen });
  let opened: Awaited<ReturnType<typeof openArchive>>;
  try {
    opened = await openArchive(store, { signer: OWNER, spool, writerId: "test", threads: 1, now });
  } catch (error) {
    return result(error, 0);
  }
  const log = opened.log(LOG, {
    limits: { entries: 4, ageMillis: FOR_EVER },
    lingerMillis: FOR_EVER,
    uploads: 3,
    sleep: hurried,
    backoff: { baseMillis: 1, maxMillis: 2 },
    observer: { stopped: (error) => (seen.stopped = error), retried: () => seen.retries++ },
    ...options,
  });
  try {
    await log.open();
  } catch (error) {
    return result(error, 0);
  }
  let remaining = 0;
  try {
    await work(log);
  } finally {
    const abort = AbortSignal.abort(new Error("the log was stopped"));
    remaining = (await log.close(seen.stopped === null ? {} : { signal: abort })).entries;
    await opened.close();
  }
  return result(null, remaining);
}

/** A log's first six segments, in two sessions; what was stopped is opened again. */
export const LIFE: readonly ((log: Log, ledger: Ledger) => Promise<unknown>)[] = [
  (log, ledger) =>
    Promise.all([
      ledger.append(log, 4),
      ledger.append(log, 2),
      ledger.append(log, 2, { id: "one", ack: "archived" }),
      ...Array.from({ length: 4 }, () => ledger.append(log, 1)),
      ledger.append(log, 3, { ack: "archived" }),
      ledger.append(log, 1, { id: "two" }),
    ]),
  (log, ledger) => Promise.all([ledger.append(log, 4, { id: "three", ack: "archived" }), ledger.append(log, 4)]),
];

/** @throws what {@link Log.flush} does, but for what stopped the log */
export async function flushed(log: Log): Promise<void> {
  try {
    await log.flush();
  } catch (error) {
    if (!isSteleError(error) || log.status()?.state !== "stopped") throw error;
  }
}

/** The code of a SteleError; anything else as it is. */
export function codeOf(error: unknown): unknown {
  return isSteleError(error) ? error.code : error;
}
