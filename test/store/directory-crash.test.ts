import type * as FileSystem from "node:fs/promises";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { timestamp } from "../../src/core/time.ts";
import { createDirectoryStore, openDirectoryStore } from "../../src/store/directory/directory.ts";
import type { Store } from "../../src/store/port.ts";

/** What is about to be done to which file; throws in its place, or says how else to do it. */
type Hook = (operation: string, path: string) => void | "half";

const disk = vi.hoisted(() => ({ hook: null as Hook | null }));

// Power cuts, full disks and file systems without links can't be had for real in a test.
vi.mock("node:fs/promises", async (importOriginal) => {
  const real = await importOriginal<typeof FileSystem>();
  const watch = <A extends unknown[], R>(operation: string, path: string, call: (...args: A) => R, ...args: A): R => {
    disk.hook?.(operation, path);
    return call(...args);
  };
  return {
    ...real,
    mkdir: async (path: string) => watch("mkdir", path, () => real.mkdir(path, { recursive: disk.hook === null })),
    link: async (from: string, to: string) => watch("link", to, () => real.link(from, to)),
    unlink: async (path: string) => watch("unlink", path, () => real.unlink(path)),
    open: async (path: string, flags: string | number, mode?: number) => {
      const file = await watch("open", path, () => real.open(path, flags, mode));
      const writeFile = file.writeFile.bind(file);
      const sync = file.sync.bind(file);
      const chmod = file.chmod.bind(file);
      file.writeFile = async (body) => {
        if (disk.hook?.("write", path) !== "half") return writeFile(body);
        if (body instanceof Uint8Array) return writeFile(body.subarray(0, body.length >> 1));
      };
      file.sync = async () => watch("sync", path, () => sync());
      file.chmod = async (to) => watch("chmod", path, () => chmod(to));
      return file;
    },
  };
});

const NOW = Date.UTC(2026, 0, 2);
const now = (): number => NOW;
const retention = { mode: "COMPLIANCE", until: timestamp(NOW + 86_400_000) } as const;
const body = Buffer.from("the whole object");

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "stele-crash-"));
  await createDirectoryStore(root, { now });
});
afterEach(async () => {
  disk.hook = null;
  await rm(root, { recursive: true });
});

const put = (store: Store): Promise<{ outcome: string }> => store.putIfAbsent("log/segments/a", body, { retention });

/** Runs `work` while every operation is written down, with paths told apart by what they are. */
async function operationsOf(work: () => Promise<unknown>): Promise<string[]> {
  const operations: string[] = [];
  disk.hook = (operation, path) => {
    const name = path.slice(root.length + 1) || "root";
    if (operation !== "open") operations.push(`${operation} ${name.replace(/^(\.stele\/tmp\/).+$/, "$1*")}`);
  };
  await work();
  disk.hook = null;
  return operations;
}

test("the order of a put: bytes, lock, name; each on the disk before the next, and each name too", async () => {
  const store = await openDirectoryStore(root, { now });
  const operations = await operationsOf(() => put(store));
  const step = (name: string): number => operations.indexOf(name);
  const objectLinked = step("link log/segments/a");
  const lockLinked = step("link .stele/locks/log/segments/a.json");
  expect(operations.filter((operation) => operation.startsWith("link"))).toHaveLength(2);
  expect(operations.slice(0, lockLinked).filter((operation) => operation === "sync .stele/tmp/*")).toHaveLength(2);
  expect(lockLinked).toBeGreaterThan(step("mkdir .stele/locks/log/segments"));
  expect(operations.indexOf("sync .stele/locks/log/segments", lockLinked)).toBeLessThan(objectLinked);
  expect(operations.indexOf("sync log/segments", objectLinked)).toBeGreaterThan(objectLinked);
  for (const [made, parent] of [
    ["mkdir log", "sync root"],
    ["mkdir log/segments", "sync log"],
    ["mkdir .stele/locks/log", "sync .stele/locks"],
    ["mkdir .stele/locks/log/segments", "sync .stele/locks/log"],
  ] as const) {
    const synced = operations.indexOf(parent, step(made));
    expect([made, step(made) >= 0 && synced > step(made)]).toEqual([made, true]);
    expect(synced).toBeLessThan(made.includes("locks") ? lockLinked : objectLinked);
  }
});

test("a put on a taken key makes sure of the name that a crashed put may have left unsynced", async () => {
  await put(await openDirectoryStore(root, { now }));
  const store = await openDirectoryStore(root, { now });
  const operations = await operationsOf(async () => expect(await put(store)).toEqual({ outcome: "exists" }));
  expect(operations).toEqual(["sync root", "sync log", "sync log/segments"]);
});

test("a crash at any point leaves nothing or the whole locked object, and a retry completes it", async () => {
  const total = (await operationsOf(async () => put(await openDirectoryStore(root, { now })))).length;
  expect(total).toBeGreaterThan(15);
  const outcomes = new Set<string>();
  for (let crashAt = 0; crashAt < total; crashAt++) {
    await rm(root, { recursive: true });
    await createDirectoryStore(root, { now });
    const store = await openDirectoryStore(root, { now });
    let done = 0;
    // Nothing works after a crash, tidying up included.
    disk.hook = (operation) => {
      if (operation !== "open" && done++ >= crashAt) throw new Error("power cut");
    };
    await put(store).catch((error: unknown) => expect(error).toEqual(new Error("power cut")));
    disk.hook = null;

    const after = await openDirectoryStore(root, { now });
    const left = await after.head("log/segments/a");
    if (left !== null) {
      expect(left.size).toBe(body.length);
      expect(await after.lockState("log/segments/a")).toEqual({ retention, legalHold: false });
    }
    const { outcome } = await put(after);
    expect(outcome).toBe(left === null ? "created" : "exists");
    outcomes.add(outcome);
    expect(await readFile(join(root, "log/segments/a"))).toEqual(body);
    expect(await after.lockState("log/segments/a")).toEqual({ retention, legalHold: false });
  }
  expect(outcomes).toEqual(new Set(["created", "exists"]));
});

describe("what the file system can't do", () => {
  const failing =
    (operation: string, code: string, where: RegExp): Hook =>
    (done, path) => {
      if (done === operation && where.test(path)) throw Object.assign(new Error(`${code}: made up`), { code, syscall: done });
    };

  test.each<[string, Hook, string, RegExp]>([
    ["no hard links", failing("link", "EPERM", /./), "store.unsupported", /hard link/],
    ["the disk is full", failing("write", "ENOSPC", /tmp/), "store.unreachable", /disk is full/],
    ["the disk is full when synced", failing("sync", "ENOSPC", /tmp\/./), "store.unreachable", /disk is full/],
    ["mounted read-only", failing("open", "EROFS", /tmp\/./), "store.unreachable", /read-only/],
    ["folders can't be synced", failing("sync", "EINVAL", /log$/), "store.unsupported", /names durable/],
    ["no permission", failing("mkdir", "EACCES", /log$/), "store.denied", /permission/],
    ["bytes are lost on the way", (done) => (done === "write" ? "half" : undefined), "store.altered", /other bytes/],
  ])("%s: the put throws, and nothing is under the key or in the way", async (_, hook, code, message) => {
    const store = await openDirectoryStore(root, { now });
    disk.hook = hook;
    await expect(put(store)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    disk.hook = null;
    expect(await store.head("log/segments/a")).toBeNull();
    expect(await readdir(join(root, ".stele/tmp")).catch(() => [])).toEqual([]);
    expect(await put(store)).toMatchObject({ outcome: "created" });
  });
});
