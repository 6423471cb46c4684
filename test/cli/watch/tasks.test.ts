import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Agenda } from "../../../src/cli/watch/agenda.ts";
import { eventLog } from "../../../src/cli/watch/event-log.ts";
import { WatchMetrics } from "../../../src/cli/watch/metrics.ts";
import { RoundRecords } from "../../../src/cli/watch/round-records.ts";
import type { RoundRun } from "../../../src/cli/watch/round-runner.ts";
import { RoundStatus } from "../../../src/cli/watch/round-status.ts";
import { readSetup, type Setup, type Task } from "../../../src/cli/watch/setup.ts";
import { Tasks } from "../../../src/cli/watch/tasks.ts";
import { MemoryStore } from "../../../src/store/memory/memory.ts";
import { FakeClock } from "./fake-clock.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
const SOUND: RoundRun = { outcome: "sound", reason: null, isAllSound: true, requests: 1, bytes: 2 };
const archive = { store: new MemoryStore({ now: () => 0 }), origin: "a.example", description: null, keys: [], keyPinned: false };

let folder: string;
let clock: FakeClock;
let setup: Setup;
let agenda: Agenda<Task>;
let status: RoundStatus<Task>;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "stele-tasks-"));
  clock = new FakeClock();
  setup = await readSetup({}, new Registry());
  agenda = new Agenda<Task>(setup.agenda, () => clock.now(), clock.now(), { jitter: 0, random: () => 0 });
  status = new RoundStatus(RoundRecords.open<Task>(folder, () => undefined));
});
afterEach(() => rmSync(folder, { recursive: true }));

function tasks(run: (name: Task) => RoundRun, isAnyNew = false, anchored: RoundRun = SOUND): Tasks {
  const registry = new Registry();
  const figures = { rounds: () => [], unreadableFindings: () => 0, oldestRead: () => null, isReady: () => true };
  return new Tasks({
    agenda,
    status,
    clock,
    runner: { archive, run: (name) => Promise.resolve(run(name)) },
    anchors: { isAnyNew, run: () => Promise.resolve(anchored) },
    configured: { current: setup },
    metrics: new WatchMetrics(registry, figures, () => clock.now()),
    log: eventLog("text", { write: () => undefined, now: () => clock.now() }),
    abort: new AbortController().signal,
  });
}

const never = new AbortController().signal;

describe("a task", () => {
  it("that came to nothing is tried again after five minutes, not a day later", async () => {
    agenda.began("locks", clock.now());
    expect(agenda.dueAt("locks")).toBe(clock.now() + DAY);
    const made = tasks(() => ({ ...SOUND, outcome: "failed", reason: "no way there", isAllSound: false }));
    expect(await made.run("locks", never)).toEqual({ complete: true });
    expect(agenda.dueAt("locks")).toBe(clock.now() + 5 * MINUTE);
    // A head round comes sooner anyway.
    agenda.began("head", clock.now());
    await made.run("head", never);
    expect(agenda.dueAt("head")).toBe(clock.now() + MINUTE);
  });

  it.each([
    ["sound", true, true],
    ["unsound", true, true],
    ["unknown", false, true],
    ["failed", false, true],
    ["stopped", false, false],
  ] as const)("that ended %s: told %s, ended %s", async (outcome, told, ended) => {
    await clock.pass(MINUTE);
    await tasks(() => ({ ...SOUND, outcome, isAllSound: outcome === "sound" })).run("head", never);
    const record = status.record("head", clock.now());
    expect(record.told !== null).toBe(told);
    expect(record.ended !== null).toBe(ended);
    expect(record.sound !== null).toBe(outcome === "sound");
    // One that was cut short, or never ended, is due at the next start.
    expect(status.lastBegun("head", clock.now()) !== null).toBe(ended);
  });

  it("that is cut short and goes on lasts from its beginning", async () => {
    let outcome: RoundRun["outcome"] = "stopped";
    const made = tasks(() => ({ ...SOUND, outcome }));
    await made.run("content", never);
    await clock.pass(10 * MINUTE);
    outcome = "sound";
    await made.run("content", never);
    expect(status.record("content", clock.now()).lasted).toBe(10 * MINUTE);
  });

  it("head rounds that saw a new head have it anchored, where that is asked for", async () => {
    const anchoring: Setup["anchoring"] = {
      anchoring: { witnesses: [], quorum: 0, authorities: [], copies: [] },
      policy: { witnesses: [], quorum: 0, authorities: [], copies: [], required: [], maxAgeMillis: null },
      fetch: () => Promise.reject(new Error("none")),
      every: "head",
    };
    setup = { ...setup, anchoring, agenda: [...setup.agenda, { name: "anchors", schedule: { kind: "every", millis: DAY } }] };
    agenda = new Agenda<Task>(setup.agenda, () => clock.now(), clock.now(), { jitter: 0, random: () => 0 });
    await tasks(() => SOUND, false).run("head", never);
    expect(agenda.dueAt("anchors")).toBe(clock.now() + DAY);
    await tasks(() => ({ ...SOUND, outcome: "failed" }), true).run("head", never);
    expect(agenda.dueAt("anchors")).toBe(clock.now() + DAY);
    await tasks(() => SOUND, true).run("head", never);
    expect(agenda.dueAt("anchors")).toBe(clock.now());
    // One of two histories is not anchored; the others are asked again soon.
    for (const outcome of ["failed", "unsound"] as const) {
      agenda.due("anchors", clock.now() + DAY);
      await tasks(() => SOUND, true, { ...SOUND, outcome }).run("anchors", never);
      expect(agenda.dueAt("anchors"), outcome).toBe(clock.now() + 5 * MINUTE);
    }
  });
});
