import { MemoryStore } from "../../src/store/memory/memory.ts";
import { storeContract } from "./store-contract.ts";

// The clock of 2026-01-02 stands still: no test depends on the time it takes.
const now = (): number => Date.UTC(2026, 0, 2);

storeContract("memory", async () => ({ store: new MemoryStore({ now }), cleanup: async () => undefined }), { now });

storeContract(
  "memory, with If-None-Match ignored",
  async () => ({ store: new MemoryStore({ now, conditionalPut: false }), cleanup: async () => undefined }),
  { now },
);

storeContract(
  "memory, with a default lock on the bucket",
  async () => ({
    store: new MemoryStore({ now, defaultRetention: { mode: "COMPLIANCE", period: { count: 1, unit: "d" } } }),
    prefix: "some/where/",
    cleanup: async () => undefined,
  }),
  { now },
);
