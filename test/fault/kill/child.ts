// Appends numbered events to a log from several callers, and writes a line for each acknowledgement, until it is killed.
import { writeSync } from "node:fs";
import process from "node:process";
import { z } from "zod";
import { openArchive } from "../../../src/archive/log/open-archive.ts";
import { nodeFiles } from "../../../src/archive/spool/files.ts";
import { openDirectoryStore } from "../../../src/store/directory/directory.ts";
import { OWNER } from "../../archive/fixture.ts";
import { filesWithPoints, storeWithPoints } from "./points.ts";

/**
 * What the parent asks of a child. `next`: the number of the next event of each caller. `dieAt`: where to die by itself, at the
 * `nth` time (from 1) that this point is reached.
 */
export interface ChildOrder {
  readonly archive: string;
  readonly spool: string;
  readonly log: string;
  readonly next: readonly number[];
  readonly dieAt: { readonly point: string; readonly nth: number } | null;
}

const orderSchema: z.ZodType<ChildOrder> = z.strictObject({
  archive: z.string(),
  spool: z.string(),
  log: z.string(),
  next: z.array(z.int()),
  dieAt: z.strictObject({ point: z.string(), nth: z.int() }).nullable(),
});

/** Every second caller gives ids, and so may repeat what was not acknowledged. */
export function givesId(caller: number): boolean {
  return caller % 2 === 0;
}

export function eventOf(caller: number, number: number): string {
  return JSON.stringify({ caller, number, filling: "x".repeat((caller * 7 + number) % 90) });
}

/** Whom a child that was not killed by then tells that it is at its end. */
const LAST = 4000;

async function main(order: ChildOrder): Promise<void> {
  let met = 0;
  const onPoint = (name: string): void => {
    if (order.dieAt?.point === name && ++met === order.dieAt.nth) process.kill(process.pid, "SIGKILL");
  };
  const store = storeWithPoints(await openDirectoryStore(order.archive), onPoint);
  const archive = await openArchive(store, { signer: OWNER, spool: order.spool, threads: 1 });
  const log = archive.log(order.log, {
    limits: { entries: 24, ageMillis: 40 },
    lingerMillis: 3,
    files: filesWithPoints(nodeFiles, onPoint),
    spareFrom: 0,
  });
  await log.open();
  writeSync(1, "open\n");
  const call = async (caller: number, from: number): Promise<void> => {
    for (let number = from; number < from + LAST; number++) {
      const ack = number % 5 === 4 ? "archived" : "spooled";
      const id = givesId(caller) ? String(number) : undefined;
      const { first, duplicate } = await log.append(eventOf(caller, number), { source: `caller-${caller}`, id, ack });
      writeSync(1, `${caller} ${number} ${first} ${ack} ${duplicate}\n`);
    }
  };
  await Promise.all(order.next.map((from, caller) => call(caller, from)));
  writeSync(1, "end\n");
}

if (process.argv[2] !== undefined) await main(orderSchema.parse(JSON.parse(process.argv[2])));
