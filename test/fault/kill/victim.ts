import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, type TestContext } from "vitest";
import { z } from "zod";
import { openArchive } from "../../../src/archive/log/open-archive.ts";
import { verifyArchive } from "../../../src/archive/verify/verify.ts";
import { createDirectoryStore, openDirectoryStore } from "../../../src/store/directory/directory.ts";
import { LOG, newArchive, OWNER } from "../../archive/fixture.ts";
import { type ChildOrder, eventOf, givesId } from "./child.ts";

const CHILD = fileURLToPath(new URL("child.ts", import.meta.url));
const CALLERS = 4;

const EVENT = z.object({ caller: z.int(), number: z.int() });

interface Ack {
  readonly caller: number;
  readonly number: number;
  readonly index: number;
}

/** One archive and spool, whose writer is killed again and again. */
export class Victim {
  readonly archive: string;
  readonly spool: string;
  readonly acks: Ack[] = [];
  /** The number of each caller's next event. */
  readonly #next = Array.from({ length: CALLERS }, () => 0);

  constructor(folder: string) {
    this.archive = join(folder, "archive");
    this.spool = join(folder, "spool");
  }

  /** @param onTestFinished this very test's, since others run at the same time */
  static async make(onTestFinished: TestContext["onTestFinished"]): Promise<Victim> {
    const folder = await mkdtemp(join(tmpdir(), "stele-kill-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const victim = new Victim(folder);
    await newArchive(await createDirectoryStore(victim.archive), { now: Date.now });
    return victim;
  }

  /**
   * Runs a writer until `kill` ends it, or it dies by itself.
   * @returns whether it died by SIGKILL, and said that it was at its end
   */
  async run(
    dieAt: ChildOrder["dieAt"],
    kill: { readonly millis: number; readonly from: "start" | "open" } | null,
  ): Promise<boolean> {
    const order: ChildOrder = { archive: this.archive, spool: this.spool, log: LOG, next: this.#next, dieAt };
    const child = spawn(process.execPath, ["--conditions=stele-source", "--no-warnings", CHILD, JSON.stringify(order)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let trouble = "";
    child.stderr.on("data", (chunk: Buffer) => (trouble += chunk.toString()));
    const killIn = (): unknown => setTimeout(() => child.kill("SIGKILL"), kill?.millis ?? 60_000);
    if (kill?.from === "start") killIn();
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === "open" && kill?.from === "open") killIn();
      this.#heard(line);
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    if (trouble !== "") throw new Error(`the writer failed: ${trouble}`);
    // What was not acknowledged is tried again by who gives ids; the others go on with the next number but one.
    for (const [caller, number] of this.#next.entries()) this.#next[caller] = givesId(caller) ? number : number + 1;
    return child.signalCode === "SIGKILL";
  }

  #heard(line: string): void {
    const match = /^(\d+) (\d+) (\d+) /.exec(line);
    if (match === null) return;
    const [caller = 0, number = 0, index = 0] = match.slice(1).map(Number);
    this.acks.push({ caller, number, index });
    this.#next[caller] = number + 1;
  }
}

/** Archives what is left in the spool, and compares the archive with what was acknowledged. */
export async function checkArchive(victim: Victim): Promise<void> {
  const store = await openDirectoryStore(victim.archive);
  const archive = await openArchive(store, { signer: OWNER, spool: victim.spool, threads: 1 });
  const log = archive.log(LOG);
  await log.flush();
  const entries: string[] = [];
  for await (const { bytes } of log) entries.push(Buffer.from(bytes).toString());
  await archive.close();
  for (const { caller, number, index } of victim.acks) expect(entries[index]).toBe(eventOf(caller, number));
  expect(new Set(entries).size).toBe(entries.length);
  for (let caller = 0; caller < CALLERS; caller++) {
    const numbers = entries
      .map((entry) => EVENT.parse(JSON.parse(entry)))
      .filter((entry) => entry.caller === caller)
      .map(({ number }) => number);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    // With ids nothing is missing either.
    if (givesId(caller)) expect(numbers).toEqual(numbers.map((_, i) => i));
  }
  const { findings } = await verifyArchive(store, { pinned: [OWNER.key], level: "content", now: Date.now(), threads: 1 });
  expect(findings.map(({ code, object }) => `${code} ${object}`)).toEqual([]);
}
