import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { finding } from "../../src/archive/finding.ts";
import { utf8 } from "../../src/core/bytes.ts";
import { parseTimestamp, toMillis } from "../../src/core/time.ts";
import { acknowledge } from "../../src/sweep/acknowledge.ts";
import { findingId } from "../../src/sweep/alarm.ts";
import { parseSweepEntry } from "../../src/sweep/report.ts";
import { SweepState } from "../../src/sweep/state/state.ts";

const ORIGIN = "audit.example.org";
const started = parseTimestamp("2026-11-23T16:00:00.000Z");
const ended = parseTimestamp("2026-11-23T16:00:01.500Z");

/** The lines that docs/FORMAT.md shows, by kind. */
function shown(): Map<string, string> {
  const page = readFileSync(new URL("../../docs/FORMAT.md", import.meta.url), "utf8");
  return new Map([...page.matchAll(/^```json sweep=(\S+)\n(.*)\n```$/gm)].map(([, kind = "", line = ""]) => [kind, line]));
}

/** The same, made by the code. */
function made(): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "stele-sweep-format-"));
  try {
    let now = toMillis(started);
    using state = SweepState.open(folder, { origin: ORIGIN, place: "memory:", now: () => now });
    const missing = finding("segment.missing", "app", "the segment of manifest 0 is missing", {
      object: "app/segments/dt=2026-11-23/0000000000000000.ndjson.zst",
      index: 0,
    });
    state.settle("locks", { log: "app", block: 0 }, [{ ...missing, entries: { first: 0, end: 2 } }], true);
    now = toMillis(ended);
    const looked = { blocks: { first: 0, end: 1 }, manifests: { first: 0, end: 2 }, entries: 2, bytes: 1834, head: null };
    const pass = { started, finished: ended, nextBlock: 1 };
    state.report({
      sweeper: "watch-1/4711",
      round: "locks",
      shard: "1/1",
      started,
      ended,
      verdict: "unsound",
      logs: [{ log: "app", ...looked, complete: true, why: null, pass }],
      requests: 12,
      bytes: 1834,
      notObservable: ["content: not asked at level locks"],
    });
    now += 3_600_000;
    const [{ id } = { id: "" }] = state.ledger.open();
    const why = "restored from the copy in the second account";
    acknowledge(state, id, { by: "kim@example.org", why, until: null, sweeper: "desk-2/81", now });
    const lines = state.reports.pending().map(({ line }) => line);
    return new Map(lines.map((line) => [parseSweepEntry(utf8(line)).kind, line]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the lines of _sweeps that docs/FORMAT.md shows are those that the code writes", () => {
  expect(shown()).toEqual(made());
});

test("a finding's id is what docs/FORMAT.md says, in the lines that it shows", () => {
  const entry = parseSweepEntry(utf8(shown().get("report") ?? ""));
  if (entry.kind !== "report") throw new Error(entry.kind);
  const [found] = entry.opened;
  if (found === undefined) throw new Error("no finding");
  expect(found.id).toBe(findingId(ORIGIN, found));
});
