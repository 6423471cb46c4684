import { expect, test } from "vitest";
import { bytes, type Harness, refused } from "./harness.ts";

/** The part of the contract about locks: they hold, or the store says that it has none. */
export function lockingContract(on: Harness): void {
  const { place, put, inDays } = on;

  /** A store without locks must say so, never "none": then there is nothing more to hold it to. */
  const hasNone = async (): Promise<boolean> => {
    if (on.store.capabilities.locks !== "none") return false;
    const key = `${place()}unlocked`;
    await put(key, bytes("x"));
    await refused(on.store.lockState(key), "store.unsupported");
    await refused(on.store.putIfAbsent(`${key}-too`, bytes("x"), { retention: inDays(1) }), "store.unsupported");
    return true;
  };

  test("reads a lock back as it was put", async () => {
    if (await hasNone()) return;
    const key = `${place()}locked`;
    const retention = inDays(1);
    const versionId = await put(key, bytes("x"), retention);
    expect(await on.store.lockState(key, { versionId })).toEqual({ retention, legalHold: false });
    expect(await on.store.lockState(key)).toEqual({ retention, legalHold: false });
  });

  test("a put on a taken key leaves the first lock alone", async () => {
    if (await hasNone()) return;
    const key = `${place()}relock`;
    const retention = inDays(1);
    const versionId = await put(key, bytes("x"), retention);
    await on.store.putIfAbsent(key, bytes("y"), { retention: inDays(2) });
    expect(await on.store.lockState(key, { versionId })).toEqual({ retention, legalHold: false });
  });

  test("a lock can be extended, not shortened and not weakened", async () => {
    if (await hasNone()) return;
    const key = `${place()}extend`;
    const versionId = await put(key, bytes("x"), inDays(1));
    const later = inDays(2);
    await on.store.extendRetention(key, later, { versionId });
    expect(await on.store.lockState(key, { versionId })).toEqual({ retention: later, legalHold: false });
    await refused(on.store.extendRetention(key, inDays(1), { versionId }), "store.locked");
    await refused(on.store.extendRetention(key, { mode: "GOVERNANCE", until: later.until }, { versionId }), "store.locked");
    await refused(on.store.extendRetention(key, inDays(3, "GOVERNANCE"), { versionId }), "store.locked");
    expect(await on.store.lockState(key, { versionId })).toEqual({ retention: later, legalHold: false });
  });

  test("a version without a lock can be given one", async () => {
    if (await hasNone()) return;
    const key = `${place()}later`;
    const versionId = await put(key, bytes("x"));
    // Five days beat any default lock that a test bucket may have.
    const retention = inDays(5);
    await on.store.extendRetention(key, retention, { versionId });
    expect(await on.store.lockState(key, { versionId })).toEqual({ retention, legalHold: false });
  });

  test("a legal hold is put on and lifted beside the lock", async () => {
    if (await hasNone()) return;
    const key = `${place()}held`;
    const retention = inDays(1);
    const versionId = await put(key, bytes("x"), retention);
    for (const held of [true, true, false]) {
      await on.store.setLegalHold(key, held, { versionId });
      expect(await on.store.lockState(key, { versionId })).toEqual({ retention, legalHold: held });
    }
  });
}
