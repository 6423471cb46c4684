import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bareLoop } from "../../../scripts/bench/append-bare.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bench-bare-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test("the bare loop keeps what it acknowledges, in order of the calls", async () => {
  const target = await bareLoop(folder);
  const expected: string[] = [];
  for (let round = 0; round < 20; round++) {
    const events = Array.from({ length: 64 }, (_, caller) => `round ${round}, caller ${caller}`);
    await Promise.all(events.map((event) => target.append(Buffer.from(event))));
    expected.push(...events);
    expect(readFileSync(join(folder, "bare"), "utf8")).toBe(`${expected.join("\n")}\n`);
  }
  expect(await target.close()).toBe(readFileSync(join(folder, "bare")).length);
});
