import { randomUUID } from "node:crypto";
import { beforeAll } from "vitest";
import { newBucket, type TestBucket } from "../store/ceph-bucket.ts";
import { twoWriters } from "./two-writers.ts";

let bucket: TestBucket;
beforeAll(async () => {
  bucket = await newBucket();
});

twoWriters("Ceph", { store: async () => bucket.open({ prefix: randomUUID() }), now: Date.now, stacks: true });
