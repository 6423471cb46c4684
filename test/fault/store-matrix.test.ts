import { beforeAll, describe, expect, test } from "vitest";
import type { Log } from "../../src/archive/log/log.ts";
import { openArchive } from "../../src/archive/log/open-archive.ts";
import { answered, type FailureStatus } from "../../src/store/fault/answers.ts";
import { type Fault, type FaultPlan, type FaultyStore, type StoreCall, withFaults } from "../../src/store/fault.ts";
import { hanging } from "../../src/store/fault/hang.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { listAll, LOG, newArchive, NOW, OWNER, openWriter } from "../archive/fixture.ts";
import { temporaryFolder } from "../archive/log/logs.ts";
import { codeOf, flushed, LIFE, othersDone, session } from "./durable-life.ts";
import { checkArchive, Ledger } from "./ledger.ts";

/** One call of a life without faults: the `nth` of its name and key. */
interface Target {
  readonly call: StoreCall;
  readonly key: string;
  readonly nth: number;
  /** Before anything is known of the archive and where the log stands: a start can't do without it. */
  readonly isOpening: boolean;
}

/** An object that is there before a life begins. */
type Given = Parameters<MemoryStore["overwrite"]>;

type Work = (log: Log, ledger: Ledger) => Promise<unknown>;

/** What was done in a life, and what is to be said of it. */
interface Life {
  readonly ledger: Ledger;
  readonly store: MemoryStore;
  readonly faulty: FaultyStore;
  readonly retries: number;
  /** With what codes opening failed, and writing was stopped. */
  readonly unopened: readonly unknown[];
  readonly stops: readonly unknown[];
}

async function storeWith(given: readonly Given[], conditionalPut: boolean): Promise<MemoryStore> {
  const store = new MemoryStore({ now: () => NOW, conditionalPut });
  for (const object of given) store.overwrite(...object);
  return store;
}

async function objectsOf(store: MemoryStore): Promise<Given[]> {
  const objects: Given[] = [];
  for (const { key } of await listAll(store)) {
    const { body } = await store.get(key, { maxBytes: 1 << 20 });
    objects.push([key, body, (await store.lockState(key)).retention]);
  }
  return objects;
}

async function newStore(): Promise<Given[]> {
  const store = new MemoryStore({ now: () => NOW });
  await newArchive(store);
  return objectsOf(store);
}

/** A log of 254 manifests: two more fill its first tile. */
async function nearlyFullTile(): Promise<Given[]> {
  const store = new MemoryStore({ now: () => NOW });
  const writer = await openWriter(await newArchive(store));
  for (let i = 0; i < 254; i++) await writer.heartbeat();
  return objectsOf(store);
}

/** Runs all sessions, again where the fault ended one. */
async function live(given: readonly Given[], conditionalPut: boolean, sessions: readonly Work[], plan: FaultPlan): Promise<Life> {
  const store = await storeWith(given, conditionalPut);
  const faulty = withFaults(store, plan);
  const spool = await temporaryFolder();
  const ledger = new Ledger();
  const unopened: unknown[] = [];
  const stops: unknown[] = [];
  let retries = 0;
  for (const work of sessions) {
    const run = async (log: Log): Promise<void> => {
      await work(log, ledger);
      await flushed(log);
    };
    let seen = await session(faulty, spool, run);
    if (seen.unopened !== null) {
      unopened.push(codeOf(seen.unopened));
      seen = await session(faulty, spool, run);
    }
    retries += seen.retries;
    if (seen.stopped === null) continue;
    stops.push(codeOf(seen.stopped));
    for (const { error } of ledger.refused) expect(codeOf(error)).toBe(codeOf(seen.stopped));
    const again = await session(faulty, spool, async (log) => {
      // Together: what waits to be archived waits for the flush.
      await Promise.all([ledger.repeat(log), flushed(log)]);
    });
    expect([again.unopened, again.stopped, ledger.refused]).toEqual([null, null, []]);
  }
  return { ledger, store, faulty, retries, unopened, stops };
}

/** What is in the log after a life, and what a verifier says of it. */
async function findingsOf({ ledger, store }: Life): Promise<string[]> {
  const findings = await checkArchive(ledger, await openArchive(store, { keys: [OWNER.key] }), store);
  return findings.map(({ code, object }) => `${code} ${object}`);
}

function targetsOf({ log }: FaultyStore): Target[] {
  const counted = new Map<string, number>();
  const opened = log.findIndex(({ call }) => call === "putIfAbsent") - 1;
  return log.map(({ call, key, index }) => {
    const nth = counted.get(`${call} ${key}`) ?? 0;
    counted.set(`${call} ${key}`, nth + 1);
    return { call, key, nth, isOpening: index < opened };
  });
}

function isPut({ call }: Target): boolean {
  return call === "putIfAbsent";
}

const STATUSES: readonly FailureStatus[] = [503, 409, 412, 403];

/** Of a fault's name: whether the call did its work. */
function isKept(name: string): boolean {
  return name.endsWith("persisted");
}

/** Faults by name, made anew for each life. `500` is what a call that simply fails is: `store.unreachable`. */
const FAULTS: readonly (readonly [string, () => Fault])[] = [
  ["500", () => ({ kind: "answer", status: 500 })],
  ["500 persisted", () => ({ kind: "answer", status: 500, persisted: true })],
  ...STATUSES.flatMap((status): (readonly [string, () => Fault])[] => [
    [`${status}`, () => ({ kind: "answer", status })],
    [`${status} persisted`, () => ({ kind: "answer", status, persisted: true })],
  ]),
  ["hang", () => hangingForAWhile(false)],
  ["hang persisted", () => hangingForAWhile(true)],
  ["slow", () => ({ kind: "slow", wait: othersDone })],
];

function hangingForAWhile(persisted: boolean): Fault {
  const { fault, reached, release } = hanging({ persisted });
  void reached.then(othersDone).then(release);
  return fault;
}

/** The code with which a fault stops the log; null where it goes on by itself. */
function stopCode({ call, key }: Target, fault: Fault): unknown {
  if (fault.kind !== "answer") return null;
  const code = codeOf(answered(call, key, fault.status));
  return code === "store.unreachable" || code === "store.exists" ? null : code;
}

/** Lives once for each target, with the fault there. @returns what went otherwise than it should */
async function inTurn(
  targets: readonly Target[],
  make: () => Fault,
  once: (plan: FaultPlan) => Promise<Life>,
): Promise<string[]> {
  const wrong: string[] = [];
  const one = async (target: Target): Promise<void> => {
    const fault = make();
    let nth = -1;
    let isMet = false;
    const plan: FaultPlan = ({ call, key }) => {
      if (call !== target.call || key !== target.key || ++nth !== target.nth) return null;
      isMet = true;
      return fault;
    };
    try {
      const life = await once(plan);
      expect(isMet).toBe(true);
      const stop = stopCode(target, fault);
      if (stop !== null) expect([...life.unopened, ...life.stops]).toEqual([stop]);
      else if (fault.kind === "slow" || !target.isOpening) expect([life.unopened, life.stops]).toEqual([[], []]);
      else expect([life.unopened, life.stops]).toEqual([["store.unreachable"], []]);
      expect(await findingsOf(life)).toEqual([]);
    } catch (error) {
      wrong.push(`${target.call} ${target.key} #${target.nth}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const queue = [...targets];
  const next = async (): Promise<void> => {
    for (let target = queue.shift(); target !== undefined; target = queue.shift()) await one(target);
  };
  // The disk is what is waited for.
  await Promise.all(Array.from({ length: 6 }, next));
  return wrong;
}

describe.each([true, false])("a new log (second puts refused: %s)", (conditionalPut) => {
  const life = async (plan: FaultPlan): Promise<Life> => live(await newStore(), conditionalPut, LIFE, plan);

  test("without faults: two puts a segment, and one for the log's description", async () => {
    const whole = await life(() => null);
    expect(await findingsOf(whole)).toEqual([]);
    const puts = targetsOf(whole.faulty)
      .filter(isPut)
      .map(({ key }) => key);
    const firsts = [0, 4, 8, 12, 16, 20];
    const digits = (index: number): string => String(index).padStart(16, "0");
    expect(puts.toSorted()).toEqual(
      [
        `${LOG}/log.json`,
        ...firsts.map((_, i) => `${LOG}/manifests/${digits(i)}.ndjson`),
        ...firsts.map((first) => `${LOG}/segments/dt=2026-01-02/${digits(first)}.ndjson.zst`),
      ].toSorted(),
    );
    expect([whole.retries, whole.stops, whole.ledger.refused, whole.ledger.given]).toEqual([0, [], [], 24]);
  });

  test.each(FAULTS)("every call in turn: %s", { timeout: 120_000 }, async (name, make) => {
    const all = targetsOf((await life(() => null)).faulty);
    // A call that only reads does nothing that could be kept; and where second puts are not refused, only puts are made, and
    // manifests looked for, in another way.
    const targets = isKept(name)
      ? all.filter(isPut)
      : all.filter((target) => conditionalPut || isPut(target) || target.key.includes("/manifests/"));
    expect(await inTurn(targets, make, life)).toEqual([]);
  });
});

describe.each([true, false])("a log whose first tile is filled (second puts refused: %s)", (conditionalPut) => {
  const sessions: Work[] = [
    (log, ledger) => Promise.all([ledger.append(log, 4), ledger.append(log, 4, { ack: "archived" })]),
    (log, ledger) => ledger.append(log, 4),
  ];
  let given: Given[] = [];
  beforeAll(async () => {
    given = await nearlyFullTile();
  });
  const life = (plan: FaultPlan): Promise<Life> => live(given, conditionalPut, sessions, plan);

  test("without faults: two puts a segment, and one for the tile", async () => {
    const whole = await life(() => null);
    expect(await findingsOf(whole)).toEqual([]);
    const puts = targetsOf(whole.faulty)
      .filter(isPut)
      .map(({ key }) => key);
    expect(puts.filter((key) => key.includes("/tiles/"))).toEqual([`${LOG}/tiles/0/000`]);
    expect(puts).toHaveLength(2 * 3 + 1);
  });

  test.each(FAULTS)("every call for the tile in turn: %s", async (name, make) => {
    const all = targetsOf((await life(() => null)).faulty);
    // Its hashes come from all manifests before: one of them stands for the others.
    const ofTile = all.filter(({ key }) => key.includes("/tiles/") || key.includes("/manifests/0000000000000077."));
    expect(new Set(ofTile.map(({ call }) => call))).toEqual(new Set(["versions", "get", "putIfAbsent", "lockState", "head"]));
    // What reading a manifest or a tile can meet is the same as above; one status of each outcome stands for the others.
    const isOutcome = /^(500|412|403|hang)$/.test(name);
    const targets = isOutcome ? ofTile.filter(({ nth }) => nth === 0) : ofTile.filter(isPut);
    expect(await inTurn(targets, make, life)).toEqual([]);
  });
});
