import { describe, expect, test } from "vitest";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import type { LockState } from "../../src/store/port.ts";
import { faultAt, withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { commitLines, listAll, LOG, newArchive, NOW, openWriter, OWNER } from "./fixture.ts";

const now = (): number => NOW;
const COMMITS = 256;

/**
 * A store that drops the lock of a put until it is set again, and a writer that dies in the moment after the put of one kind of
 * object, before it has read the lock back. ARCHITECTURE: a store that loses locks is caught before the commit, and mended.
 */
async function crashedAfter(part: string): Promise<{ store: MemoryStore; died: boolean }> {
  const store = new MemoryStore({ now, losesRetention: (key) => key.startsWith(`${LOG}/`) });
  const archive = await newArchive(store);
  const crash = faultAt("lockState", 0, { kind: "unpersisted" }, (key) => key.includes(part));
  const writer = await openWriter({ ...archive, store: withFaults(store, crash) });
  let died = false;
  try {
    for (let i = 0; i < COMMITS; i++) await commitLines(writer, [`event ${i}`]);
  } catch {
    died = true;
  }
  const next = await openWriter(archive);
  // Where no manifest came of it, the same events are sealed again, and the orphan is taken over.
  const again = part === "/segments/" || part === "/log.json";
  await commitLines(next, [again ? "event 0" : "event that came after"]);
  return { store, died };
}

describe("a writer that died after a put, before it had read the lock back, on a store that had dropped the lock", () => {
  test.each(["/log.json", "/segments/", "/manifests/", "/tiles/"])("has its %s mended by the next", async (part) => {
    const { store, died } = await crashedAfter(part);
    expect(died).toBe(true);
    const unlocked: string[] = [];
    for (const { key, versionId } of await listAll(store, `${LOG}/`)) {
      const { retention }: LockState = await store.lockState(key, { versionId });
      if (retention?.mode !== "COMPLIANCE" || retention.until < "2027-01-02T00:00:00.000Z") unlocked.push(key);
    }
    expect(unlocked).toEqual([]);
    const { findings } = await verifyArchive(store, { pinned: [OWNER.key], level: "content", now: NOW, threads: 1 });
    expect(findings.map(({ code, object }) => `${code} ${object}`)).toEqual([]);
  });
});
