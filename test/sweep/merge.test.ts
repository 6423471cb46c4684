import { describe, expect, test } from "vitest";
import type { Finding } from "../../src/archive/finding.ts";
import { finding } from "../../src/archive/finding.ts";
import { timestamp } from "../../src/core/time.ts";
import { findingId } from "../../src/sweep/alarm.ts";
import { NO_COST } from "../../src/sweep/cost.ts";
import { mergeSweeps } from "../../src/sweep/merge.ts";
import type { SweptFinding } from "../../src/sweep/result.ts";
import { ownsLog } from "../../src/sweep/shard.ts";
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

test("who answered for a finding that is gone does not answer for the one that another shard sees now", () => {
  const acknowledged = { by: "ann", why: "known", at: AT, until: null };
  const gone = part("1/2", { findings: [swept(STRAY, { standing: "gone", seen: false, acknowledged })] });
  const merged = mergeSweeps([gone, part("2/2", { verdict: "unsound", findings: [swept(STRAY)] })]);
  expect(merged).toMatchObject({ verdict: "unsound", findings: [{ standing: "new", acknowledged: null }] });
});

describe("what one shard was asked for and another was not is not covered:", () => {
  const [locks] = part("1/1").rounds;
  if (locks === undefined) throw new Error("no round");

  test("a round", () => {
    const merged = mergeSweeps([part("1/2", { rounds: [locks, { ...locks, round: "content" }] }), part("2/2")]);
    expect(merged).toMatchObject({ ok: false, verdict: "unknown", complete: false });
    expect(merged.notObservable[0]).toBe("the content round over log app by shard 2/2: not in its result");
    expect(merged.rounds.map(({ logs }) => logs[0]?.complete)).toEqual([true, false]);
  });

  test("a log", () => {
    const other = { ...locks, logs: locks.logs.map((log) => ({ ...log, log: "other" })) };
    const merged = mergeSweeps([part("1/2"), part("2/2", { rounds: [other] })]);
    expect(merged).toMatchObject({ ok: false, verdict: "unknown", complete: false });
    expect(merged.notObservable.slice(0, 2)).toEqual([
      "the locks round over log other by shard 1/2: not in its result",
      "the locks round over log app by shard 2/2: not in its result",
    ]);
  });

  test("a head, which one shard looks at for all", () => {
    const head = { ...locks, round: "head" as const };
    const owner = [1, 2].find((i) => ownsLog({ i, n: 2 }, "app"));
    const parts = [1, 2].map((i) => part(`${i}/2`, { rounds: [{ ...head, logs: i === owner ? head.logs : [] }, locks] }));
    expect(mergeSweeps(parts)).toMatchObject({ verdict: "sound", complete: true });
    const without = parts.map((one) => ({
      ...one,
      rounds: one.rounds.map((r) => (r.round === "head" ? { ...r, logs: [] } : r)),
    }));
    const merged = mergeSweeps(without);
    expect(merged).toMatchObject({ verdict: "unknown", complete: false });
    expect(merged.notObservable[0]).toBe(`the head round over log app by shard ${owner}/2: not in its result`);
  });

  test("and no less where it is merged further", () => {
    const merged = mergeSweeps([mergeSweeps([part("1/3"), part("3/3", { rounds: [] })]), part("2/3")]);
    expect(merged).toMatchObject({ ok: false, verdict: "unknown", complete: false });
  });
});

test("a shard's verdict is not better for being merged", () => {
  expect(mergeSweeps([part("1/2"), part("2/2", { verdict: "unsound", ok: false })]).verdict).toBe("unsound");
  expect(mergeSweeps([part("1/2"), part("2/2", { verdict: "unknown", ok: false })]).verdict).toBe("unknown");
});
