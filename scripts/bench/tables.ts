import Table from "cli-table3";
import type { AppendComparison, AppendFigures } from "./append.ts";
import { sum, type Requests } from "./counting-store.ts";
import type { Comparison, Figures, Ratio } from "./figures.ts";
import type { Growth } from "./growth.ts";
import type { RequestCounts } from "./requests.ts";
import type { SweepCosts } from "./sweep.ts";
import type { Cost } from "../../src/sweep/cost.ts";

type Column = readonly [head: string, align: "left" | "right"];

export function comparisonTable({ title, storedBytes, stele, beside }: Comparison): string {
  const row = (of: Figures, ratio: Ratio | null): string[] => [
    of.name,
    whole(of.bytes / 1e6),
    of.seconds.map((one) => one.toFixed(2)).join(", "),
    whole(of.megabytesPerSecond),
    whole(of.eventsPerSecond),
    of.peakMemory === null ? "" : mebibytes(of.peakMemory),
    ...inCells(ratio),
  ];
  const rows = [row(stele, null)];
  for (const other of beside) {
    rows.push("missing" in other ? [other.name, "", "not measured", "", "", "", "", ""] : row(other, other));
  }
  const columns: Column[] = [
    ["", "left"],
    ["MB", "right"],
    ["seconds, each run", "left"],
    ["MB/s", "right"],
    ["events/s", "right"],
    ["peak memory", "right"],
    ...RATIO_COLUMNS,
  ];
  const { bytes, events } = stele;
  const what = `${title}: ${whole(events)} of ${whole(bytes / events)} bytes on average, stored ${(bytes / storedBytes).toFixed(2)} : 1`;
  return `${what}\n${table(columns, rows)}`;
}

export function appendTable({ callers, seconds, stele, bare }: AppendComparison): string {
  const row = (of: AppendFigures, ratio: Ratio | null): string[] => [
    of.name,
    of.runs.map((run) => whole(run.appendsPerSecond)).join(", "),
    whole(of.appendsPerSecond),
    of.megabytesPerSecond.toFixed(1),
    of.p50Millis.toFixed(2),
    of.p99Millis.toFixed(2),
    mebibytes(of.peakMemory),
    ...inCells(ratio),
  ];
  const columns: Column[] = [
    ["", "left"],
    ["appends/s, each run", "left"],
    ["appends/s", "right"],
    ["MB/s", "right"],
    ["p50 ms", "right"],
    ["p99 ms", "right"],
    ["peak memory", "right"],
    ...RATIO_COLUMNS,
  ];
  return [
    `append: single events of 1 KB, durable, ${callers} callers that each wait for the ack, ${seconds} s a run`,
    table(columns, [row(stele, null), row(bare, bare)]),
    "  stele log.append: acked once on disk, and archived into a folder meanwhile, in the same process",
    "  bare loop: what came while the disk was busy joined, one write, one datasync, acked; nothing else is done with it",
  ].join("\n");
}

export function growthTable({ startSeconds, steps, timeSpread, memorySpread, wantedSpread, met }: Growth): string {
  const columns: Column[] = [
    ["events", "right"],
    ["MB", "right"],
    ["seconds, each run", "left"],
    ["µs an event", "right"],
    ["peak memory", "right"],
  ];
  const rows = steps.map((step) => [
    whole(step.events),
    whole(step.bytes / 1e6),
    step.seconds.map((one) => one.toFixed(2)).join(", "),
    step.microsPerEvent.toFixed(3),
    mebibytes(step.peakMemory),
  ]);
  return [
    "growth: archive, small events",
    table(columns, rows),
    `  time an event: the slowest ${percent(timeSpread)} above the fastest; wanted: within ${percent(wantedSpread)}: ${met ? "met" : "not met"}`,
    `  peak memory: the largest ${percent(memorySpread)} above the smallest`,
    `  the process's start and its first event, ${startSeconds.toFixed(2)} s, are taken off the times an event`,
  ].join("\n");
}

export function requestsTable(counts: readonly RequestCounts[]): string {
  const columns: Column[] = [
    ["manifests", "right"],
    ["find the head", "left"],
    ["prove an entry", "left"],
    ["read 100 entries", "left"],
    ["verify 100 entries", "left"],
    ["commit one", "left"],
  ];
  const rows = counts.map((of) => [
    whole(of.manifests),
    ...[of.findHead, of.proveEntry, of.readRange, of.verifyRange].map(requests),
    `${sum(of.commit.each).toFixed(2)}, ${of.commit.each.put.toFixed(2)} of them PUT`,
  ]);
  return ["requests to the store, on a log with one event a manifest", table(columns, rows)].join("\n");
}

/** What AWS asks for a thousand requests in us-east-1, S3 Standard, in dollars; bytes read within the region cost nothing. */
const DOLLARS_PER_1000 = { list: 0.005, other: 0.0004 } as const;

export function sweepTable(costs: readonly SweepCosts[]): string {
  const columns: Column[] = [
    ["segments", "right"],
    ["round", "left"],
    ["LIST", "right"],
    ["GET, HEAD", "right"],
    ["of locks", "right"],
    ["bytes read", "right"],
    ["AWS charges", "right"],
  ];
  const rows = costs.flatMap(({ segments, first, head, locks, content }) =>
    (
      [
        ["head, the first time", first],
        ["head, nothing new", head],
        ["locks", locks],
        ["content", content],
      ] as const
    ).map(([name, cost]) => [
      whole(segments),
      name,
      whole(cost.lists),
      whole(cost.gets + cost.heads),
      whole(cost.locks),
      whole(cost.bytesRead),
      `$${charge(cost).toFixed(6)}`,
    ]),
  );
  return ["sweeps, of a log with one event a segment", table(columns, rows)].join("\n");
}

function charge({ lists, gets, heads, locks }: Cost): number {
  return (lists * DOLLARS_PER_1000.list + (gets + heads + locks) * DOLLARS_PER_1000.other) / 1000;
}

const RATIO_COLUMNS: readonly Column[] = [
  ["stele is", "right"],
  ["wanted", "left"],
];

function inCells(ratio: Ratio | null): string[] {
  if (ratio === null) return ["", ""];
  return [`${ratio.ratio.toFixed(2)} x`, `${ratio.wanted.toFixed(1)} x: ${ratio.met ? "met" : "not met"}`];
}

function requests(of: Requests): string {
  const parts = Object.entries(of).flatMap(([call, count]) => (count === 0 ? [] : [`${whole(Number(count))} ${call}`]));
  return parts.length < 2 ? parts.join("") : `${whole(sum(of))}: ${parts.join(", ")}`;
}

function table(columns: readonly Column[], rows: readonly string[][]): string {
  const made = new Table({
    head: columns.map(([head]) => head),
    colAligns: columns.map(([, align]) => align),
    style: { head: [], border: [] },
  });
  made.push(...rows);
  return made.toString();
}

function mebibytes(bytes: number): string {
  return `${whole(bytes / 2 ** 20)} MiB`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function whole(n: number): string {
  return Math.round(n).toLocaleString("en-US");
}
