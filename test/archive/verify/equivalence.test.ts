import { afterAll, describe, expect, test } from "vitest";
import type { Finding } from "../../../src/archive/finding.ts";
import { verifyArchive } from "../../../src/archive/verify/verify.ts";
import { LOG, OWNER } from "../fixture.ts";
import { TAMPER_CASES } from "../tamper/cases.ts";
import type { TamperCase } from "../tamper/case.ts";
import { MemoryPlace } from "../tamper/memory-place.ts";
import { Scene } from "../tamper/scene.ts";
import { LEVELS, lookEverywhere, names, POOL } from "./windows.ts";

afterAll(() => POOL[Symbol.asyncDispose]());

/** What a window can't know by itself: what is not of its log, and what a log that is not there is called. */
function ofTheLog(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ code, log, object }) => log === LOG && object !== `${LOG}/log.json` && code !== "log.missing");
}

/** Where manifests are missing or can't be read, windows that need them to go on after or for a proof say so on top. */
function withoutUnprovable(findings: readonly Finding[]): Finding[] {
  return findings.filter(
    ({ code, message }) => code !== "log.unreadable" || !/^(manifest \d+ can't be had|whether the)/.test(message),
  );
}

/** Where there are two histories, every window that is not of the head's says so. */
function withoutOtherHistories(all: readonly string[], whole: readonly string[]): string[] {
  const isKnown = whole.some((name) => name.includes("checkpoint.inconsistent"));
  return isKnown ? all.filter((name) => whole.includes(name) || !name.includes("checkpoint.inconsistent")) : [...all];
}

const HEADLESS = /^the whole log deleted|^every manifest: |^everything: |^the list of manifests|^the newest manifest, the log/;

describe.each(["manifests", "locks", "content"] as const)(
  "windows of a log, at level %s, find together what verify finds:",
  (level) => {
    test.each(TAMPER_CASES.map((one) => [one.name, one] as const))("%s", async (name, one: TamperCase) => {
      const scene = await Scene.build(new MemoryPlace({ conditionalPut: true }));
      await one.tamper(scene);
      const store = one.view?.(scene) ?? scene.place.store;
      const remembered = one.remembers?.(scene) ?? [];
      const options = { pinned: [OWNER.key], level, now: scene.place.now(), threads: 1, checkpoints: remembered } as const;
      const whole = names(ofTheLog((await verifyArchive(store, options)).findings));
      for (const width of level === "content" ? [1, 2, 4] : [3]) {
        const found = await lookEverywhere({ ...scene.archive, store }, width, { level: LEVELS[level], remembered });
        expect(found === null, name).toBe(HEADLESS.test(name));
        if (found === null) return;
        const all = withoutOtherHistories(names(withoutUnprovable(found)), whole);
        expect(all, `width ${width}: ${JSON.stringify(found, null, 1)}`).toEqual(whole);
      }
    });
  },
);
