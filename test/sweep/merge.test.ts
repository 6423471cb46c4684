import { describe, expect, test } from "vitest";
import type { Finding } from "../../src/archive/finding.ts";
import { finding } from "../../src/archive/finding.ts";
import { timestamp } from "../../src/core/time.ts";
import { findingId } from "../../src/sweep/alarm.ts";
import { NO_COST } from "../../src/sweep/cost.ts";
import { mergeSweeps } from "../../src/sweep/merge.ts";
import type { SweptFinding } from "../../src/sweep/result.ts";
import { parseSweepJson, type SweepJson } from "../../src/sweep/sweep-json.ts";
import { NOW, ORIGIN } from "../archive/fixture.ts";
import { refusal } from "../core/refusal.ts";

const AT = timestamp(NOW);
const ROOT = `${"A".repeat(43)}=`;

function part(shard: string, change: Partial<SweepJson> = {}): SweepJson {
  return {
    ok: true,
    verdict: "sound",
    complete: true,
    origin: ORIGIN,
    shard,
    started: AT,
    ended: AT,
    logs: [
      {
        log: "app",
        origin: `${ORIGIN}/app`,
        manifests: 5,
        entries: 10,
        bytes: 100,
        head: { size: 9, root: ROOT },
        keyPinned: true,
      },
    ],
    findings: [],
    notObservable: ["something"],
    rounds: [
      {
        round: "locks",
        started: AT,
        ended: AT,
        cost: { ...NO_COST, gets: 3 },
        logs: [
          {
            log: "app",
            blocks: { first: 0, end: 1 },
            manifests: { first: 0, end: 256 },
            checked: 5,
            entries: 10,
            bytes: 100,
            complete: true,
            why: null,
          },
        ],
      },
    ],
    cost: { ...NO_COST, gets: 3 },
    ...change,
  };
}

function swept(found: Finding, change: Partial<SweptFinding> = {}): SweptFinding {
  const known = { id: findingId(ORIGIN, found), entries: null, firstSeen: AT, lastSeen: AT };
  return { ...found, ...known, standing: "new", seen: true, acknowledged: null, ...change };
}

const STRAY = finding("object.stray", "app", "it is none", { object: "app/x" });

test("parts add up to a whole", () => {
  const merged = mergeSweeps([part("1/2"), part("2/2")]);
  expect(merged).toMatchObject({ ok: true, verdict: "sound", complete: true, shard: "1/2,2/2", notObservable: ["something"] });
  expect(merged.logs).toMatchObject([{ log: "app", manifests: 10, entries: 20, bytes: 200, head: { size: 9 } }]);
  expect(merged.rounds).toMatchObject([
    { round: "locks", cost: { gets: 6 }, logs: [{ log: "app", checked: 10, complete: true }] },
  ]);
  expect(merged.cost.gets).toBe(6);
});

test("where parts are missing it could not tell, and says which", () => {
  const merged = mergeSweeps([part("1/3"), part("3/3")]);
  expect(merged).toMatchObject({ ok: false, verdict: "unknown", complete: false });
  expect(merged.notObservable[0]).toContain("shard 2/3");
  expect(mergeSweeps([part("2/3", { findings: [swept(STRAY)] })]).verdict).toBe("unsound");
});

test("what is merged can be merged further", () => {
  const merged = mergeSweeps([mergeSweeps([part("1/3"), part("3/3")]), part("2/3")]);
  expect(merged).toMatchObject({ shard: "1/3,2/3,3/3", complete: false });
  expect(parseSweepJson(JSON.stringify(merged), "merged")).toEqual(merged);
});

test.each([
  [["new", "gone"], "new"],
  [["gone", "open"], "open"],
  [["new", "open"], "open"],
  [["gone", "gone"], "gone"],
] as const)("a finding that stands as %j stands as %s", (standings, expected) => {
  const parts = standings.map((standing, i) => part(`${i + 1}/2`, { findings: [swept(STRAY, { standing })] }));
  const merged = mergeSweeps(parts);
  expect(merged.findings.map(({ standing }) => standing)).toEqual([expected]);
  expect(merged.verdict).toBe(expected === "gone" ? "sound" : "unsound");
});

test("shards that saw different logs of one size are a finding", () => {
  const other = `${"B".repeat(42)}A=`;
  const [log] = part("1/2").logs;
  const logs = log === undefined ? [] : [{ ...log, head: { size: 9, root: other } }];
  const merged = mergeSweeps([part("1/2"), part("2/2", { logs })]);
  expect(merged.verdict).toBe("unsound");
  expect(merged.findings).toMatchObject([{ code: "checkpoint.inconsistent", index: 8, actual: `root ${other}` }]);
});

describe("what does not belong together is refused:", () => {
  test.each([
    ["nothing", []],
    ["another archive", [part("1/2"), part("2/2", { origin: "other.example" })]],
    ["another division", [part("1/2"), part("2/3")]],
    ["one shard twice", [part("1/2"), part("1/2")]],
  ])("%s", (_, parts) => {
    expect(refusal(() => mergeSweeps(parts))).toBe("input.invalid");
  });
});

test.each(["", "{}", "[]", JSON.stringify({ ...part("1/1"), shard: "one" }), JSON.stringify({ ...part("1/1"), more: 1 })])(
  "%j is no result of a sweep",
  (text) => {
    expect(refusal(() => parseSweepJson(text, "file"))).toBe("input.invalid");
  },
);
