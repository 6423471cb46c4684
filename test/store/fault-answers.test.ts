import { afterEach, expect, test } from "vitest";
import { isSteleError } from "../../src/core/error.ts";
import { timestamp } from "../../src/core/time.ts";
import { type StoreCall, withFaults } from "../../src/store/fault.ts";
import type { FailureStatus } from "../../src/store/fault/answers.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import type { Store } from "../../src/store/port.ts";
import { type ScriptedS3, scriptedS3, xmlError } from "./scripted-s3.ts";

const CALLS: Readonly<Record<StoreCall, (store: Store) => Promise<unknown>>> = {
  putIfAbsent: (store) => store.putIfAbsent("a", new Uint8Array(3), { retention: null }),
  get: (store) => store.get("a", { maxBytes: 3 }),
  head: (store) => store.head("a"),
  versions: async (store) => {
    for await (const { key } of store.versions("")) expect(key).toBe("a");
  },
  lockState: (store) => store.lockState("a"),
  extendRetention: (store) => store.extendRetention("a", { mode: "COMPLIANCE", until: timestamp(4e12) }),
  setLegalHold: (store) => store.setLegalHold("a", true),
};

const STATUSES: readonly [FailureStatus, string][] = [
  [403, "AccessDenied"],
  [409, "OperationAborted"],
  [412, "PreconditionFailed"],
  [500, "InternalError"],
  [503, "SlowDown"],
];

let server: ScriptedS3 | undefined;
afterEach(() => server?.close());

async function outcome(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    if (!isSteleError(error)) throw error;
    return error.code;
  }
}

test.each(Object.entries(CALLS).flatMap(([call, make]) => STATUSES.map(([status, code]) => [call, status, code, make] as const)))(
  "%s with an answer of %i ends as the S3 adapter's call does",
  async (_, status, code, make) => {
    server = await scriptedS3(() => xmlError(status, code));
    const client = { maxAttempts: 1, credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" } };
    const expected = await outcome(make(server.open({ client })));
    const faulty = withFaults(new MemoryStore(), () => ({ kind: "answer", status }));
    expect(await outcome(make(faulty))).toEqual(expected);
  },
);
