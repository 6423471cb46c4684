import { describe, expect, test, vi } from "vitest";
import { SteleError } from "../../src/core/error.ts";
import { type FaultPlan, withFaults } from "../../src/store/fault.ts";
import type { ListOptions, ObjectVersion, Store } from "../../src/store/port.ts";
import { openForSweep } from "../../src/sweep/open-for-sweep.ts";
import { ROUNDS } from "../../src/sweep/place.ts";
import { LOG, OWNER } from "../archive/fixture.ts";
import { behind, fill, filled, manifest, segment, swept, TestState, versionOf } from "./fixture.ts";

const PLANS: readonly [string, FaultPlan][] = [
  [
    "every read of a segment is answered 503",
    ({ call, key }) => (call === "get" && key.includes("/segments/") ? { kind: "answer", status: 503 } : null),
  ],
  [
    "every read of a manifest is answered 503",
    ({ call, key }) => (call === "get" && key.includes("/manifests/") ? { kind: "answer", status: 503 } : null),
  ],
  ["no listing is allowed", ({ call }) => (call === "versions" ? { kind: "answer", status: 403 } : null)],
  [
    "listings of the log break off",
    ({ call, key }) => (call === "versions" && key.startsWith(LOG) ? { kind: "answer", status: 503, items: 1 } : null),
  ],
  ["locks may not be seen", ({ call }) => (call === "lockState" ? { kind: "answer", status: 403 } : null)],
  [
    "one segment may not be read",
    ({ call, key }) => (call === "get" && key === segment(2) ? { kind: "answer", status: 403 } : null),
  ],
  [
    "the archive's description can't be read",
    ({ call, key }) => (call === "get" && key === "archive.json" ? { kind: "answer", status: 503 } : null),
  ],
];

describe("a store that fails is never sound and never tampered with", () => {
  test.each(PLANS)("%s: from the first sweep on", async (_, plan) => {
    const { archive, store } = await filled(5);
    using memory = new TestState();
    const result = await swept(behind(archive, withFaults(store, plan)), memory);
    expect(result.verdict).toBe("unknown");
    expect(result.findings.length).toBeGreaterThan(0);
    expect(result.findings.filter(({ code, severity }) => severity !== "info" && !code.endsWith(".unreadable"))).toEqual([]);
    expect((await swept(archive, memory)).verdict).toBe("sound");
  });

  test.each(PLANS)("%s: after a sound one", async (_, plan) => {
    const { archive, store } = await filled(5);
    using memory = new TestState();
    await swept(archive, memory);
    await fill(archive, 1);
    const result = await swept(behind(archive, withFaults(store, plan)), memory);
    expect(result.verdict).toBe("unknown");
    expect(result.findings.filter(({ code, severity }) => severity !== "info" && !code.endsWith(".unreadable"))).toEqual([]);
    const after = await swept(archive, memory);
    expect(after).toMatchObject({ verdict: "sound", complete: true });
    expect(after.findings.every(({ standing }) => standing === "gone")).toBe(true);
    expect(memory.state.log(LOG)?.checkpoint.size).toBe(6);
  });
});

test("a log that can't be read stops no other", async () => {
  const { archive, store } = await filled(3);
  await fill(archive, 3, { log: "other" });
  using memory = new TestState();
  const denied = withFaults(store, ({ key }) => (key.startsWith(`${LOG}/`) ? { kind: "answer", status: 403 } : null));
  const result = await swept(behind(archive, denied), memory);
  expect(result.verdict).toBe("unknown");
  for (const { round, logs } of result.rounds)
    expect(
      logs.find(({ log }) => log === "other"),
      round,
    ).toMatchObject({ checked: 3, complete: true });
  for (const { logs } of result.rounds) expect(logs.find(({ log }) => log === LOG)?.complete).toBe(false);
});

/** A store whose listings leave something out. */
function leavingOut(store: Store, hidden: (key: string) => boolean): Store {
  const listing = async function* (prefix: string, options?: ListOptions): AsyncGenerator<ObjectVersion> {
    for await (const version of store.versions(prefix, options)) if (!hidden(version.key)) yield version;
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (name === "versions") return listing;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describe("listings that leave something out are no proof that it is gone:", () => {
  const CASES: readonly [string, (key: string) => boolean][] = [
    ["the newest manifest", (key) => key === manifest(4)],
    ["a manifest in the middle", (key) => key === manifest(2)],
    ["a segment", (key) => key === segment(1)],
    ["the whole log", (key) => key.startsWith(`${LOG}/`)],
  ];
  test.each(CASES)("%s", async (_, hidden) => {
    const { archive, store } = await filled(5);
    using memory = new TestState();
    await swept(archive, memory);
    const result = await swept(behind(archive, leavingOut(store, hidden)), memory);
    expect(result.findings.filter(({ code }) => !code.endsWith(".unreadable")).map(({ code }) => code)).toEqual([]);
    expect(result.verdict).toBe("unknown");
    expect((await swept(archive, memory)).verdict).toBe("sound");
  });
});

test.each(ROUNDS)("a store that hangs in the %s round lets go when it is told to", async (round) => {
  const { archive, store } = await filled(3);
  using memory = new TestState();
  const abort = new AbortController();
  const given = new Error("given up");
  const hanging = withFaults(store, ({ call, key }) =>
    call === "get" && key.startsWith(`${LOG}/`)
      ? { kind: "hang", persisted: false, reached: () => abort.abort(given), until: new Promise<never>(() => undefined) }
      : null,
  );
  await expect(swept(behind(archive, hanging), memory, { rounds: [round], signal: abort.signal })).rejects.toThrow("given up");
  expect(memory.state.ledger.count).toBe(0);
});

describe("an archive whose description", () => {
  test("is gone is swept with a pinned key, and that is found", async () => {
    const { store } = await filled(2);
    store.vanish("archive.json", await versionOf(store, "archive.json"));
    const archive = await openForSweep(store, [OWNER.key]);
    using memory = new TestState();
    const result = await swept(archive, memory);
    expect(result.verdict).toBe("unsound");
    expect(result.findings.map(({ code }) => code)).toEqual(["description.missing"]);
    expect(result.logs).toMatchObject([{ head: { size: 2 } }]);
    await expect(openForSweep(store, [])).rejects.toMatchObject({ code: "store.not-found" });
  });

  test("can't be read is not swept: which keys it names is not known", async () => {
    const { store } = await filled(1);
    const down = withFaults(store, ({ call }) => (call === "get" ? { kind: "answer", status: 503 } : null));
    await expect(openForSweep(down, [OWNER.key])).rejects.toMatchObject({ code: "store.unreachable" });
  });

  test("was changed is told apart from one that can't be read", async () => {
    const { store } = await filled(1);
    store.corrupt("archive.json", await versionOf(store, "archive.json"), (body) => body.slice(5));
    using memory = new TestState();
    const result = await swept(await openForSweep(store, [OWNER.key]), memory);
    expect(result.findings.map(({ code }) => code)).toEqual(["description.altered"]);
    await expect(openForSweep(store, [])).rejects.toMatchObject({ code: "log.unsound" });
  });
});

test("an error of the state is no finding of the log", async () => {
  const { archive } = await filled(1);
  using memory = new TestState();
  vi.spyOn(memory.state, "advanceHead").mockImplementation(() => {
    throw new SteleError("sweep.failed", "the disk is full");
  });
  await expect(swept(archive, memory)).rejects.toMatchObject({ code: "sweep.failed" });
  expect(memory.state.ledger.count).toBe(0);
});
