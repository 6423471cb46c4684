import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { z } from "zod";
import { createDirectoryStore } from "../../src/store/directory/directory.ts";
import { newArchive } from "../archive/fixture.ts";
import { temporaryFolder } from "../archive/log/logs.ts";
import type { MemoryOrder, MemoryReport } from "./memory/child.ts";

const CHILD = fileURLToPath(new URL("memory/child.ts", import.meta.url));
const SPOOLED = 400_000_000;
const BOUND = 300_000_000;

const reportSchema: z.ZodType<MemoryReport> = z.strictObject({
  appended: z.int(),
  spooledBytes: z.int(),
  found: z.int(),
  entries: z.int().nullable(),
  spooledPeak: z.number(),
  peak: z.number(),
  spoolMillis: z.number(),
  openMillis: z.number(),
  drainMillis: z.number(),
});

async function run(order: MemoryOrder): Promise<MemoryReport> {
  const args = ["--conditions=stele-source", "--no-warnings", CHILD, JSON.stringify(order)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return reportSchema.parse(JSON.parse(stdout));
}

async function newPlace(): Promise<Pick<MemoryOrder, "archive" | "spool">> {
  const folder = await temporaryFolder();
  await newArchive(await createDirectoryStore(join(folder, "archive")), { now: Date.now });
  return { archive: join(folder, "archive"), spool: join(folder, "spool") };
}

test(
  "while the store hangs and events come at full speed, memory stays bounded, and all is archived afterwards",
  { timeout: 180_000 },
  async () => {
    const report = await run({ ...(await newPlace()), bytes: SPOOLED, batch: 1, drain: true });
    expect(report.spooledBytes).toBeGreaterThan(SPOOLED);
    expect(report.entries).toBe(report.appended);
    expect(report.spooledPeak).toBeLessThan(BOUND);
    expect(report.peak).toBeLessThan(BOUND);
  },
);

test("a large spool is recovered and archived without being read into memory", { timeout: 180_000 }, async () => {
  const place = await newPlace();
  const { appended } = await run({ ...place, bytes: SPOOLED, batch: 500, drain: false });
  const report = await run({ ...place, bytes: 0, batch: 1, drain: true });
  expect([report.found, report.entries]).toEqual([appended, appended]);
  expect(report.peak).toBeLessThan(BOUND);
});
