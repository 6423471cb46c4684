import { expect } from "vitest";
import type { Archive } from "../../src/archive/archive.ts";
import type { Log } from "../../src/archive/log/log.ts";
import type { AppendOptions, Receipt } from "../../src/archive/log/receipt.ts";
import type { Finding } from "../../src/archive/finding.ts";
import { findHead } from "../../src/archive/head.ts";
import { History } from "../../src/archive/history.ts";
import { readEntries } from "../../src/archive/log-reader.ts";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { openCheckpoint } from "../../src/core/checkpoint.ts";
import { isSteleError } from "../../src/core/error.ts";
import type { Store } from "../../src/store/port.ts";
import { LOG, LOG_ORIGIN, NOW, OWNER } from "../archive/fixture.ts";

interface Delivery {
  readonly events: readonly string[];
  readonly options: AppendOptions;
}

/** The events that were given to a log, and what was promised for them, to be held against what the log holds in the end. */
export class Ledger {
  readonly acked: (Delivery & { readonly receipt: Receipt })[] = [];
  readonly refused: (Delivery & { readonly error: unknown })[] = [];
  /** Tried again behind others. */
  readonly #late = new Set<string>();
  readonly #text: (name: string) => string;
  #given = 0;

  /** @param text an event's text, of its name, which is unique and sorts as it was given */
  constructor(text: (name: string) => string = (name) => name) {
    this.#text = text;
  }

  /** How many events were given. */
  get given(): number {
    return this.#given;
  }

  /** Gives a log `count` events, and notes the receipt or the refusal. */
  append(log: Log, count: number, options: AppendOptions = {}): Promise<void> {
    const events = Array.from({ length: count }, () => this.#text(`event-${String(this.#given++).padStart(9, "0")}`));
    return this.#send(log, { events, options });
  }

  /** Gives once more what was refused and has an id. */
  async repeat(log: Log): Promise<void> {
    const again = this.refused.splice(0).filter(({ options }) => options.id !== undefined);
    for (const { events } of again) for (const event of events) this.#late.add(event);
    await Promise.all(again.map((delivery) => this.#send(log, delivery)));
  }

  async #send(log: Log, { events, options }: Delivery): Promise<void> {
    try {
      this.acked.push({ events, options, receipt: await log.append(events, options) });
    } catch (error) {
      this.refused.push({ events, options, error });
    }
  }

  /** Whether it was tried again behind others. */
  isLate(event: string): boolean {
    return this.#late.has(event);
  }
}

/** What was acknowledged is in the log at its place, nothing is in it twice, and the order is that of the appends. */
function checkEntries(ledger: Ledger, entries: readonly string[]): void {
  for (const { events, receipt } of ledger.acked) {
    expect(entries.slice(receipt.first, receipt.first + receipt.count)).toEqual(events);
  }
  expect(new Set(entries).size).toBe(entries.length);
  const inTime = entries.filter((event) => !ledger.isLate(event));
  expect(inTime).toEqual(inTime.toSorted());
}

/** Checks the log's entries, all receipts, and the archive with what they promised. @returns what else is to be said of it */
export async function checkArchive(ledger: Ledger, archive: Archive, store: Store, now: number = NOW): Promise<Finding[]> {
  const parts: Uint8Array[] = [];
  for await (const { bytes } of readEntries({ ...archive, store }, LOG, { threads: 1 })) parts.push(bytes.slice());
  checkEntries(ledger, Buffer.concat(parts).toString().split("\n").slice(0, -1));
  const key = OWNER.rename(LOG_ORIGIN).key;
  const archived = ledger.acked.map(({ receipt }) => receipt).filter(({ ack }) => ack === "archived");
  const checkpoints = archived.map(
    ({ checkpoint = "" }) => openCheckpoint(Buffer.from(checkpoint), LOG_ORIGIN, [key]).checkpoint,
  );
  expect(checkpoints.map(({ size }) => size)).toEqual(archived.map(({ manifest = Number.NaN }) => manifest + 1));
  const log = { name: LOG, origin: LOG_ORIGIN };
  const { newest } = await findHead(store, log, [key]);
  if (newest === null) throw new Error("the log has no manifest");
  const history = new History(store, log, newest.commit, [key]);
  for (const { first, count, manifest = Number.NaN } of archived) {
    const { entries } = (await history.commit(manifest)).manifest;
    expect(entries.first).toBeLessThan(first + count);
    expect(entries.first + entries.count).toBeGreaterThanOrEqual(first + count);
  }
  const { findings } = await verifyArchive(store, { pinned: [OWNER.key], level: "content", now, threads: 1, checkpoints });
  return [...findings];
}

/** That each refusal has this code. */
export function checkRefusals(ledger: Ledger, code: string): void {
  for (const { error } of ledger.refused) expect(isSteleError(error) ? error.code : error).toBe(code);
}
