import { type Verdict, verdict } from "../archive/finding.ts";
import { SteleError } from "../core/error.ts";
import { findingId } from "./alarm.ts";
import { addCost, type Cost, NO_COST } from "./cost.ts";
import { describeUncovered, type Uncovered, uncovered } from "./coverage.ts";
import { ROUNDS } from "./place.ts";
import type { Standing, SweptFinding, SweptLog } from "./result.ts";
import { formatShard, parseShard } from "./shard.ts";
import type { RoundJson, RoundLogJson, SweepJson } from "./sweep-json.ts";

/**
 * One result of the shards' results. Where shards are missing, or were not asked for the same, it says so, and what they would have
 * looked at could not be told.
 * Shards that saw different logs of one size are two views of one log: that is a finding.
 *
 * @throws SteleError `input.invalid` when they are not of one archive, divided in one way, each once
 */
export function mergeSweeps(parts: readonly SweepJson[]): SweepJson {
  const [first, ...others] = parts;
  if (first === undefined) throw new SteleError("input.invalid", "merge: expected at least one result of a sweep, got none");
  for (const { origin } of others) {
    if (origin !== first.origin)
      throw new SteleError("input.invalid", `merge: expected results of one archive, got ${first.origin} and ${origin}`);
  }
  const { given, missing } = shardsOf(parts);
  const left = uncovered(parts);
  const lacking = [
    ...missing.map((shard) => `the blocks of shard ${shard}: its result was not given`),
    ...left.map(describeUncovered),
  ];
  const findings = [...mergeFindings(parts), ...splitViews(parts)];
  const told = [
    standingVerdict(findings),
    ...parts.filter((part) => part.verdict !== standingVerdict(part.findings)).map((part) => part.verdict),
  ];
  const overall: Verdict = told.includes("unsound")
    ? "unsound"
    : told.includes("unknown") || lacking.length > 0
      ? "unknown"
      : "sound";
  return {
    ok: overall === "sound",
    verdict: overall,
    complete: lacking.length === 0 && parts.every(({ complete }) => complete),
    origin: first.origin,
    shard: given.join(","),
    started: least(parts.map(({ started }) => started)),
    ended: most(parts.map(({ ended }) => ended)),
    logs: namesOf(parts.flatMap(({ logs }) => logs)).map((name) => mergeLog(name, parts)),
    findings,
    notObservable: [...new Set([...lacking, ...parts.flatMap(({ notObservable }) => notObservable)])],
    rounds: ROUNDS.flatMap((round) =>
      mergeRound(
        parts.flatMap(({ rounds }) => rounds.filter((one) => one.round === round)),
        left.filter((one) => one.round === round),
      ),
    ),
    cost: total(parts.map(({ cost }) => cost)),
  };
}

/** What findings add up to that are there and that nobody answers for. */
function standingVerdict(findings: readonly SweptFinding[]): Verdict {
  return verdict(findings.filter(({ standing, acknowledged }) => standing !== "gone" && acknowledged === null));
}

function shardsOf(parts: readonly SweepJson[]): { given: string[]; missing: string[] } {
  const shards = parts.flatMap(({ shard }) => shard.split(",").map(parseShard));
  const n = shards[0]?.n ?? 1;
  for (const shard of shards) {
    if (shard.n !== n) throw new SteleError("input.invalid", `merge: expected shards of ${n}, got ${formatShard(shard)}`);
  }
  const given = new Set(shards.map(formatShard));
  if (given.size !== shards.length)
    throw new SteleError("input.invalid", `merge: expected each shard once, got ${shards.map(formatShard).join(", ")}`);
  const all = Array.from({ length: n }, (_, i) => formatShard({ i: i + 1, n }));
  return { given: all.filter((one) => given.has(one)), missing: all.filter((one) => !given.has(one)) };
}

const STANDINGS: readonly Standing[] = ["new", "open", "gone"];

/** The same finding by several shards stands once, as the one that knows least good of it. */
function mergeFindings(parts: readonly SweepJson[]): SweptFinding[] {
  const byId = new Map<string, SweptFinding>();
  for (const found of parts.flatMap(({ findings }) => findings)) {
    const other = byId.get(found.id);
    byId.set(found.id, other === undefined ? found : mergeFinding(other, found));
  }
  return STANDINGS.flatMap((standing) => [...byId.values()].filter((found) => found.standing === standing));
}

function mergeFinding(a: SweptFinding, b: SweptFinding): SweptFinding {
  const open = [a, b].filter(({ standing }) => standing !== "gone");
  const base = open.find(({ seen }) => seen) ?? open[0] ?? a;
  return {
    ...base,
    standing: open.length === 0 ? "gone" : open.some(({ standing }) => standing === "open") ? "open" : "new",
    seen: a.seen || b.seen,
    firstSeen: least([a.firstSeen, b.firstSeen]),
    lastSeen: most([a.lastSeen, b.lastSeen]),
    // Whoever does not know that someone answers for it has only not heard yet; what is gone is answered for no more.
    acknowledged: (open.length === 0 ? [a, b] : open).find(({ acknowledged }) => acknowledged !== null)?.acknowledged ?? null,
  };
}

/** Heads of one size with different roots. */
function splitViews(parts: readonly SweepJson[]): SweptFinding[] {
  const roots = new Map<string, string>();
  const findings = new Map<string, SweptFinding>();
  for (const { origin, ended, logs } of parts) {
    for (const { log, head } of logs) {
      if (head === null) continue;
      const place = JSON.stringify([log, head.size]);
      const known = roots.get(place);
      if (known === undefined) roots.set(place, head.root);
      if (known === undefined || known === head.root) continue;
      const found = {
        code: "checkpoint.inconsistent",
        severity: "critical",
        log,
        object: null,
        versionId: null,
        index: head.size - 1,
        message: `shards saw two logs of ${head.size} manifests: the store shows different histories to different readers`,
        expected: `root ${known}`,
        actual: `root ${head.root}`,
      } as const;
      const id = findingId(origin, found);
      const rest = { entries: null, firstSeen: ended, lastSeen: ended, standing: "new", seen: true, acknowledged: null } as const;
      findings.set(id, { id, ...found, ...rest });
    }
  }
  return [...findings.values()];
}

function mergeLog(name: string, parts: readonly SweepJson[]): SweptLog {
  const same = parts.flatMap(({ logs }) => logs.filter(({ log }) => log === name));
  const [first] = same;
  const heads = same.flatMap(({ head }) => (head === null ? [] : [head]));
  return {
    log: name,
    origin: first?.origin ?? "",
    manifests: sum(same.map(({ manifests }) => manifests)),
    entries: sum(same.map(({ entries }) => entries)),
    bytes: sum(same.map(({ bytes }) => bytes)),
    head: heads.toSorted((a, b) => b.size - a.size)[0] ?? null,
    keyPinned: same.every(({ keyPinned }) => keyPinned),
  };
}

function mergeRound(parts: readonly RoundJson[], left: readonly Uncovered[]): RoundJson[] {
  const [first] = parts;
  if (first === undefined) return [];
  const logs = parts.flatMap((part) => part.logs);
  return [
    {
      round: first.round,
      started: least(parts.map(({ started }) => started)),
      ended: most(parts.map(({ ended }) => ended)),
      cost: total(parts.map((part) => part.cost)),
      logs: namesOf(logs).map((name) =>
        mergeRoundLog(
          logs.filter(({ log }) => log === name),
          left.filter(({ log }) => log === name),
        ),
      ),
    },
  ];
}

function mergeRoundLog(parts: readonly RoundLogJson[], left: readonly Uncovered[]): RoundLogJson {
  const lacking = left.map(({ shard }) => `not in the result of shard ${shard}`);
  const reasons = [...new Set([...parts.flatMap(({ why }) => (why === null ? [] : [why])), ...lacking])];
  return {
    log: parts[0]?.log ?? "",
    blocks: span(parts.map(({ blocks }) => blocks)),
    manifests: span(parts.map(({ manifests }) => manifests)),
    checked: sum(parts.map(({ checked }) => checked)),
    entries: sum(parts.map(({ entries }) => entries)),
    bytes: sum(parts.map(({ bytes }) => bytes)),
    complete: left.length === 0 && parts.every(({ complete }) => complete),
    why: reasons.length === 0 ? null : reasons.join("; "),
  };
}

function span(ranges: readonly RoundLogJson["blocks"][]): RoundLogJson["blocks"] {
  const known = ranges.flatMap((range) => (range === null ? [] : [range]));
  if (known.length === 0) return null;
  return { first: Math.min(...known.map(({ first }) => first)), end: Math.max(...known.map(({ end }) => end)) };
}

function namesOf(logs: readonly { readonly log: string }[]): string[] {
  return [...new Set(logs.map(({ log }) => log))].sort();
}

function total(costs: readonly Cost[]): Cost {
  return costs.reduce(addCost, NO_COST);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

function least<T extends string>(times: readonly T[]): T {
  return times.reduce((a, b) => (b < a ? b : a));
}

function most<T extends string>(times: readonly T[]): T {
  return times.reduce((a, b) => (b > a ? b : a));
}
