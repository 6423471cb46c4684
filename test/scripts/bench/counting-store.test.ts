import { describe, expect, test } from "vitest";
import { CountingStore, sum } from "../../../scripts/bench/counting-store.ts";
import { storeContract } from "../../contract/store-contract.ts";

const now = (): number => Date.UTC(2026, 0, 2);

storeContract("counting", async () => ({ store: new CountingStore(now), cleanup: async () => undefined }), { now });

async function filled(keys: number): Promise<CountingStore> {
  const store = new CountingStore(now);
  for (let i = 0; i < keys; i++)
    await store.putIfAbsent(`a/${String(i).padStart(6, "0")}`, new Uint8Array(1), { retention: null });
  await store.putIfAbsent("b", new Uint8Array(1), { retention: null });
  store.taken();
  return store;
}

describe("counted requests", () => {
  test.each([
    [0, 1],
    [999, 1],
    [1000, 1],
    [1001, 2],
    [2500, 3],
  ])("a listing of %i keys takes %i pages", async (keys, pages) => {
    const store = await filled(keys);
    let listed = 0;
    for await (const { key } of store.versions("a/")) listed += key.startsWith("a/") ? 1 : 0;
    expect(listed).toBe(keys);
    expect(store.taken()).toEqual({ put: 0, get: 0, head: 0, list: pages, lock: 0 });
  });

  test("a listing that is left early takes the pages that were read", async () => {
    const store = await filled(2500);
    for await (const { key } of store.versions("a/", { after: "a/000499", limit: 1 })) {
      expect(key).toBe("a/000500");
      break;
    }
    expect(store.taken().list).toBe(1);
  });

  test("every call counts, refused ones too, and counting begins anew when it was asked", async () => {
    const store = await filled(1);
    await store.putIfAbsent("b", new Uint8Array(2), { retention: null });
    await store.get("b", { maxBytes: 1 });
    await store.head("b");
    await store.lockState("b");
    await store.get("gone", { maxBytes: 1 }).catch(() => undefined);
    const taken = store.taken();
    expect(taken).toEqual({ put: 1, get: 2, head: 1, list: 0, lock: 1 });
    expect(sum(taken)).toBe(5);
    expect(sum(store.taken())).toBe(0);
  });
});
