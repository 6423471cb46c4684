import { describe, expect, test } from "vitest";
import type { Archive } from "../../src/archive/archive.ts";
import { isSteleError } from "../../src/core/error.ts";
import type { Store } from "../../src/store/port.ts";
import { openForSweep } from "../../src/sweep/open-for-sweep.ts";
import type { SweepResult } from "../../src/sweep/result.ts";
import { OWNER } from "../archive/fixture.ts";
import type { TamperCase } from "../archive/tamper/case.ts";
import { TAMPER_CASES } from "../archive/tamper/cases.ts";
import { MemoryPlace } from "../archive/tamper/memory-place.ts";
import { Scene } from "../archive/tamper/scene.ts";
import { swept, TestState } from "./fixture.ts";

// The same deeds that a verifier of the whole log must find, found by one cycle of the three rounds.

type Named = { readonly code: string; readonly index: number | null; readonly object: string | null };

async function after(one: TamperCase, scene: Scene, memory: TestState): Promise<SweepResult> {
  const store = one.view?.(scene) ?? scene.place.store;
  return swept(await open(store, scene), memory, { checkpoints: one.remembers?.(scene) ?? [], freshMillis: 0 });
}

/** Where even the description can't be read now, the sweeper has opened the archive before. */
async function open(store: Store, scene: Scene): Promise<Archive> {
  try {
    return await openForSweep(store, [OWNER.key]);
  } catch (error) {
    if (!isSteleError(error, "store.denied", "store.unreachable")) throw error;
    return { ...scene.archive, store };
  }
}

function names(findings: readonly Named[]): string[] {
  return findings.map(({ code, index, object }) => `${code} ${index} ${object}`).sort();
}

/** Each round says for itself what it could not read: never that it is sound, never that it was tampered with. */
function expectUnknown({ verdict, findings, complete }: SweepResult): void {
  const story = JSON.stringify(findings, null, 1);
  expect({ verdict, complete }, story).toEqual({ verdict: "unknown", complete: false });
  expect(
    findings.filter(({ code, severity }) => severity !== "info" && !code.endsWith(".unreadable")),
    story,
  ).toEqual([]);
}

const ROWS = TAMPER_CASES.map((one) => [one.name, one] as const);

describe("by a first sweep, as by whoever verifies the whole log:", () => {
  test.each(ROWS)("%s", async (_, one) => {
    const scene = await Scene.build(new MemoryPlace({ conditionalPut: true }));
    using memory = new TestState();
    await one.tamper(scene);
    const result = await after(one, scene, memory);
    if (one.verdict === "unknown") {
      expectUnknown(result);
      return;
    }
    const expected = one.expected(scene);
    const told = result.findings.filter(
      ({ code }) => expected.some((other) => other.code === code) || one.allowed?.includes(code) !== true,
    );
    expect(names(told), JSON.stringify(result.findings, null, 1)).toEqual(names(expected));
    expect(result.verdict).toBe(one.verdict);
  });
});

describe("by the next sweep of one that saw the archive before:", () => {
  test.each(ROWS)("%s", async (_, one) => {
    const scene = await Scene.build(new MemoryPlace({ conditionalPut: true }));
    using memory = new TestState();
    expect((await swept(scene.archive, memory)).verdict).toBe("sound");
    await one.tamper(scene);
    const result = await after(one, scene, memory);
    if (one.verdict === "unknown") {
      expectUnknown(result);
      return;
    }
    const story = JSON.stringify(result.findings, null, 1);
    for (const { code, index } of one.expected(scene))
      expect(
        result.findings.map((found) => `${found.code} ${found.index}`),
        story,
      ).toContain(`${code} ${index}`);
    // What it remembers can make it say more, and never less.
    if (one.verdict === "unsound") expect(result.verdict, story).toBe("unsound");
  });
});
