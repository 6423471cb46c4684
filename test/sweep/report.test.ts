import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromUtf8, utf8 } from "../../src/core/bytes.ts";
import { timestamp } from "../../src/core/time.ts";
import { acknowledge } from "../../src/sweep/acknowledge.ts";
import { tidy } from "../../src/sweep/finding-record.ts";
import { formatOf, formatSweepEntry, MAX_REPORT_BYTES, parseSweepEntry, type SweepEntry } from "../../src/sweep/report.ts";
import { inParts } from "../../src/sweep/state/parts.ts";
import { refusal } from "../core/refusal.ts";
import { Clock, DAY, found, newState, pendingIn, remembered, roundLog, START, summary } from "./state/states.ts";

const APP = { log: "app", block: null } as const;

/** One line of each kind, as a state writes them. */
async function lines(): Promise<SweepEntry[]> {
  const state = newState();
  const head = await remembered(5, { nextBy: timestamp(START + DAY) });
  state.advanceHead(head, {
    findings: [
      { ...found("segment.altered", 4, { versionId: "v1", expected: "a", actual: "b" }), entries: { first: 7, end: 9 } },
    ],
  });
  state.settle("head", APP, [found("log.silent")], true);
  state.settle("head", APP, [], true);
  const [{ id } = { id: "" }] = state.ledger.open();
  const pass = state.beginPass("locks", "app", "1/1");
  const progress = { started: pass.startedAt, finished: null, nextBlock: 3 };
  const log = roundLog(head, { blocks: { first: 0, end: 3 }, complete: false, why: "the budget is used up", pass: progress });
  state.report(
    summary({ round: "locks", verdict: "unsound", logs: [log, roundLog(null)], notObservable: ["content: not asked"] }),
  );
  acknowledge(state, id, { by: "kim", why: "known", until: timestamp(START + DAY), sweeper: "host/2", now: START });
  return pendingIn(state);
}

describe("stele-sweep/1", () => {
  test("a line comes back as it was, in one spelling", async () => {
    const written = await lines();
    expect(written.map(({ kind }) => kind)).toEqual(["report", "state", "acknowledgement"]);
    const [report] = written;
    expect(report).toMatchObject({
      format: "stele-sweep/1",
      part: { number: 1, of: 1 },
      logs: [{ log: "app", head: { size: 5, log: "app" }, pass: { nextBlock: 3 } }, { head: null }],
      opened: [
        { code: "segment.altered", entries: { first: 7, end: 9 }, places: [{ block: 0, rounds: ["head"] }] },
        { code: "log.silent" },
      ],
      closed: [{ at: timestamp(START) }],
      open: { count: 1 },
    });
    for (const entry of written) {
      const line = formatSweepEntry(entry);
      expect(fromUtf8(line)).not.toContain("\n");
      expect(parseSweepEntry(line)).toEqual(entry);
      expect(formatOf(line)).toBe("stele-sweep/1");
    }
  });

  test("any other spelling is refused, and whatever is left out, added or of another kind", async () => {
    for (const entry of await lines()) {
      const line = fromUtf8(formatSweepEntry(entry));
      const value: unknown = JSON.parse(line);
      const refused = (text: string): void => expect(refusal(() => parseSweepEntry(utf8(text)))).toBe("format.encoding");
      refused(`${line} `);
      refused(JSON.stringify(value, null, 1));
      refused(line.replace('"format":"stele-sweep/1"', '"format":"stele-sweep/2"'));
      refused(line.replace('"at":"2026', '"at":"26'));
      refused(line.slice(0, -1));
      refused(line.replace("{", '{"more":1,'));
      for (const [path, mutated] of mutations(value)) {
        const text = JSON.stringify(mutated);
        expect(() => parseSweepEntry(utf8(text)), path).toThrow(expect.objectContaining({ code: "format.encoding" }));
      }
    }
  });

  test("whatever a finding says, a line is one line, and says it legibly", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary", maxLength: 200 }), (message, object) => {
        const state = newState(new Clock());
        const hostile = { message, expected: message, actual: object, object, versionId: object };
        state.settle("head", APP, [found("object.stray", null, hostile)], true);
        const [line = ""] = state.report(summary());
        expect(line).not.toMatch(/\p{Cc}/u);
        const entry = parseSweepEntry(utf8(line));
        if (entry.kind !== "report") throw new Error(entry.kind);
        expect(entry.opened[0]).toMatchObject({ message: tidy(message), object: object.toWellFormed() });
        state.close();
      }),
      { seed: 6, numRuns: 25 },
    );
  });

  test.each([
    ["a\r\nb\u001b[31m\u0085\u202e", "a\ufffd\ufffdb\ufffd[31m\ufffd\ufffd"],
    ["half \ud83d", "half \ufffd"],
    ["x".repeat(3000), `${"x".repeat(1997)}...`],
  ])("%j is told as %j", (said, told) => {
    expect(tidy(said)).toBe(told);
  });
});

describe("a report with much to say", () => {
  test("is several lines, none too long, of which nothing is left out", () => {
    const state = newState(new Clock(), { maxAlarms: 1 });
    const long = "\u{1f4a5}".repeat(500);
    const findings = Array.from({ length: 1500 }, (_, i) => found("manifest.altered", i, { message: long }));
    state.settle("head", APP, findings, true);
    const notObservable = Array.from({ length: 5000 }, (_, i) => `log ${i}: ${long}`);
    const written = state.report(summary({ notObservable }));
    expect(written.length).toBeGreaterThan(10);
    for (const line of written) expect(utf8(line).length).toBeLessThan(MAX_REPORT_BYTES / 2);
    const entries = pendingIn(state);
    const reports = entries.flatMap((entry) => (entry.kind === "report" ? [entry] : []));
    expect(new Set(reports.map(({ id }) => id)).size).toBe(1);
    expect(reports.map(({ part }) => part)).toEqual(reports.map((_, i) => ({ number: i + 1, of: reports.length })));
    expect(reports.flatMap(({ opened }) => opened.map(({ index }) => index))).toEqual(findings.map(({ index }) => index));
    expect(reports[0]?.open).toMatchObject({ count: 1500 });
    expect(reports[0]?.open.ids).toHaveLength(1500);
    expect(reports[0]?.notObservable).toHaveLength(51);
    expect(reports[0]?.notObservable.at(-1)).toBe("and 4950 more");
    const states = entries.flatMap((entry) => (entry.kind === "state" ? [entry] : []));
    expect(states.flatMap((entry) => entry.findings)).toHaveLength(1500);
    expect(new Set(state.reports.pending().map(({ id }) => id)).size).toBe(entries.length);
  });

  test("items are dealt out in order, as many to a line as it holds and at least one", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 })), (lengths) => {
        const parts = inParts(lengths, (length) => length, 40);
        expect(parts.flat()).toEqual(lengths);
        for (const [i, part] of parts.entries()) {
          const sum = (items: readonly number[]): number => items.reduce((a, b) => a + b, 0);
          if (part.length > 1) expect(sum(part)).toBeLessThanOrEqual(40);
          // No line could have taken the next one's first item as well.
          const next = parts[i + 1]?.[0];
          if (next !== undefined) expect(sum(part) + next).toBeGreaterThan(40);
        }
        expect(parts.length).toBeGreaterThan(0);
      }),
    );
  });

  test("what stands in one report does not stand in the next", () => {
    const clock = new Clock();
    const state = newState(clock);
    state.settle("head", APP, [found("log.silent")], true);
    state.report(summary());
    clock.now += 1000;
    state.report(summary());
    clock.now += DAY;
    state.settle("head", APP, [], true);
    state.report(summary());
    const reports = pendingIn(state);
    expect(reports.map(({ kind }) => kind)).toEqual(["report", "state", "report", "report", "state"]);
    expect(
      reports.flatMap((one) => (one.kind === "report" ? [[one.opened.length, one.closed.length, one.open.count]] : [])),
    ).toEqual([
      [1, 0, 1],
      [0, 0, 1],
      [0, 1, 0],
    ]);
  });
});

/** The value with one field after the other left out, doubled in another type, or added beside. */
function* mutations(value: unknown, path = ""): Generator<readonly [string, unknown]> {
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      for (const [where, mutated] of mutations(item, `${path}[${i}]`)) yield [where, value.with(i, mutated)];
    }
    return;
  }
  if (typeof value !== "object" || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    const { [name]: _, ...rest } = Object.fromEntries(Object.entries(value));
    yield [`${path}.${name} left out`, rest];
    yield [
      `${path}.${name} of another type`,
      { ...value, [name]: typeof item === "boolean" ? 1 : item === null ? false : [item, true] },
    ];
    for (const [where, mutated] of mutations(item, `${path}.${name}`)) yield [where, { ...value, [name]: mutated }];
  }
  yield [`${path} with more`, { ...value, zz: 1 }];
}
