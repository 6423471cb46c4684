import { expect, test } from "vitest";
import { ManifestGap } from "../../../src/archive/verify/manifest-gap.ts";
import { SteleError } from "../../../src/core/error.ts";
import { logKey, manifestKey } from "../../../src/core/layout.ts";
import { type FaultPlan, withFaults } from "../../../src/store/fault.ts";
import { MemoryStore } from "../../../src/store/memory/memory.ts";
import { LOG, LOG_ORIGIN, NOW } from "../fixture.ts";
import { hiding } from "./hiding.ts";

const FAR = 1_000_000;

/** What is said of a gap from manifest 3 to `end`, where only the manifests of `there` lie, hidden from every listing. */
async function told(end: number, there: readonly number[] = [], plan: FaultPlan = () => null) {
  const memory = new MemoryStore({ now: () => NOW });
  for (const index of there) memory.overwrite(logKey(LOG, manifestKey(index)), Buffer.from("{}"), null);
  const store = withFaults(memory, plan);
  const findings: string[] = [];
  const gap = new ManifestGap(
    hiding(store, () => true),
    { name: LOG, origin: LOG_ORIGIN },
    3,
    { found: ({ code, index }) => void findings.push(`${code} ${index}`) },
  );
  const given: number[] = [];
  for await (const { index } of gap.ask(end)) {
    given.push(index);
    gap.refused(index, true);
  }
  return { given, lost: gap.close(end), findings, asked: store.count("head"), unread: gap.unread };
}

const denied: FaultPlan = ({ call }) =>
  call === "head" ? { kind: "unpersisted", error: new SteleError("store.denied", "refused") } : null;

test("what is missing is named one by one, each once it was asked for", async () => {
  expect(await told(6)).toEqual({
    given: [],
    lost: 3,
    findings: ["manifest.missing 3", "manifest.missing 4", "manifest.missing 5"],
    asked: 3,
    unread: false,
  });
});

test("what is there though no listing has it is given, and not missing", async () => {
  expect(await told(6, [4])).toMatchObject({
    given: [4],
    findings: ["log.unreadable 4", "manifest.missing 3", "manifest.missing 5"],
  });
});

test("what can't be asked for is not missing", async () => {
  expect(await told(5, [], denied)).toMatchObject({
    findings: ["manifest.unreadable 3", "manifest.unreadable 4"],
    unread: true,
  });
});

test("a gap without end is one finding, and costs no request for each", async () => {
  const { asked, ...rest } = await told(FAR);
  expect(rest).toEqual({ given: [], lost: null, findings: ["manifest.missing 3"], unread: false });
  expect(asked).toBeLessThan(1100);
});

test("a gap without end that can't be asked for is not called missing", async () => {
  const { asked, lost, findings } = await told(FAR, [], denied);
  expect(lost).toBe(null);
  expect(findings.every((one) => one.startsWith("manifest.unreadable"))).toBe(true);
  expect(asked).toBeLessThan(1100);
});

test("a gap without end whose last manifest is there is not called missing", async () => {
  const { lost, findings } = await told(FAR, [FAR - 1]);
  expect({ lost, findings }).toEqual({ lost: null, findings: [`log.unreadable ${FAR - 1}`, "manifest.unreadable 3"] });
});
