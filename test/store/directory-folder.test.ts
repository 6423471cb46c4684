import { chmod, link, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ErrorCode } from "../../src/core/error.ts";
import { timestamp } from "../../src/core/time.ts";
import { createDirectoryStore, openDirectoryStore } from "../../src/store/directory/directory.ts";
import type { Store } from "../../src/store/port.ts";

const NOW = Date.UTC(2026, 0, 2);
const now = (): number => NOW;

let folder: string;
let root: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-directory-"));
  root = join(folder, "archive");
});
afterEach(() => rm(folder, { recursive: true }));

const code = (expected: ErrorCode) => expect.objectContaining({ code: expected });
const keysOf = async (store: Store, prefix = "", after?: string): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of store.versions(prefix, { after })) keys.push(key);
  return keys;
};
/** A file that was not written through the store. */
const plant = async (key: string, body = "planted"): Promise<void> => {
  await mkdir(dirname(join(root, key)), { recursive: true });
  await writeFile(join(root, key), body);
};

describe("opening", () => {
  test("a folder that is not there is said to be missing, not empty", async () => {
    await expect(openDirectoryStore(root)).rejects.toEqual(code("store.not-found"));
  });

  test("a file is no store", async () => {
    await writeFile(root, "x");
    await expect(openDirectoryStore(root)).rejects.toEqual(code("input.invalid"));
    await expect(createDirectoryStore(root)).rejects.toEqual(code("input.invalid"));
  });

  test("creating makes a store that records locks, and is idempotent", async () => {
    const first = await createDirectoryStore(join(root, "deep", "er"), { now });
    expect(first.capabilities).toEqual({ versions: false, locks: "recorded", conditionalPut: true });
    await first.putIfAbsent("a/b", Buffer.from("x"), { retention: null });
    const again = await createDirectoryStore(join(root, "deep", "er"), { now });
    expect(await keysOf(again)).toEqual(["a/b"]);
    expect(again.capabilities).toEqual(first.capabilities);
  });

  test("creating refuses a folder with other files: they would look as if they had lost their locks", async () => {
    await plant("log/a");
    await expect(createDirectoryStore(root)).rejects.toEqual(code("input.invalid"));
    expect(await readdir(root)).toEqual(["log"]);
  });

  test("the root may be reached over a link", async () => {
    await createDirectoryStore(root, { now });
    await symlink(root, join(folder, "link"));
    const store = await openDirectoryStore(join(folder, "link"), { now });
    await store.putIfAbsent("a", Buffer.from("x"), { retention: null });
    expect(await readFile(join(root, "a"), "utf8")).toBe("x");
  });
});

describe("writing", () => {
  test("leaves a read-only file with one name, and no temporary file", async () => {
    const store = await createDirectoryStore(root, { now });
    await store.putIfAbsent("log/a", Buffer.from("x"), { retention: { mode: "COMPLIANCE", until: timestamp(NOW + 1000) } });
    const stats = await stat(join(root, "log/a"));
    expect(stats.mode & 0o777).toBe(0o444);
    expect(stats.nlink).toBe(1);
    expect(await readdir(join(root, ".stele/tmp"))).toEqual([]);
  });

  test("a put that is refused leaves no temporary file either", async () => {
    const store = await createDirectoryStore(root, { now });
    await plant("log");
    await expect(store.putIfAbsent("log/a", Buffer.from("x"), { retention: null })).rejects.toEqual(code("store.unsupported"));
    expect(await readdir(join(root, ".stele/tmp"))).toEqual([]);
  });

  test("a folder can't hold an object above or below another", async () => {
    const store = await createDirectoryStore(root, { now });
    await store.putIfAbsent("a/b", Buffer.from("x"), { retention: null });
    await expect(store.putIfAbsent("a", Buffer.from("x"), { retention: null })).rejects.toEqual(code("store.unsupported"));
    await expect(store.putIfAbsent("a/b/c", Buffer.from("x"), { retention: null })).rejects.toEqual(code("store.unsupported"));
    await expect(store.get("a/b/c", { maxBytes: 9 })).rejects.toEqual(code("store.not-found"));
    expect(await keysOf(store)).toEqual(["a/b"]);
  });

  test("a name too long for the file system is unsupported, not absent", async () => {
    const store = await createDirectoryStore(root, { now });
    const key = "k".repeat(300);
    await expect(store.putIfAbsent(key, Buffer.from("x"), { retention: null })).rejects.toEqual(code("store.unsupported"));
    await expect(store.head(key)).rejects.toEqual(code("store.unsupported"));
  });

  test.each([".stele", ".stele/locks/a.json", ".STELE/x"])("%s is no key", async (key) => {
    const store = await createDirectoryStore(root, { now });
    await expect(store.putIfAbsent(key, Buffer.from("x"), { retention: null })).rejects.toEqual(code("input.invalid"));
    await expect(store.get(key, { maxBytes: 9 })).rejects.toEqual(code("input.invalid"));
    expect(await keysOf(store, key)).toEqual([]);
  });

  test("temporary files of crashed writers are removed a day later, those of living ones are left", async () => {
    await createDirectoryStore(root, { now });
    const name = (ms: number): string => `${ms}-00000000-0000-4000-8000-000000000000`;
    await plant(`.stele/tmp/${name(NOW - 86_400_001)}`);
    await plant(`.stele/tmp/${name(NOW - 86_400_000)}`);
    await plant(".stele/tmp/not-ours");
    const store = await openDirectoryStore(root, { now });
    await store.putIfAbsent("a", Buffer.from("x"), { retention: null });
    expect((await readdir(join(root, ".stele/tmp"))).sort()).toEqual([name(NOW - 86_400_000), "not-ours"]);
  });

  test("a crash between the link and its tidying up: the object is there, and a retry says so", async () => {
    const store = await createDirectoryStore(root, { now });
    await plant(".stele/tmp/1-left", "whole");
    await mkdir(join(root, "log"));
    await link(join(root, ".stele/tmp/1-left"), join(root, "log/a"));
    expect(await store.putIfAbsent("log/a", Buffer.from("whole"), { retention: null })).toEqual({ outcome: "exists" });
    expect(Buffer.from((await store.get("log/a", { maxBytes: 9 })).body).toString()).toBe("whole");
  });

  test("folders removed under a running store are made again", async () => {
    const store = await createDirectoryStore(root, { now });
    await store.putIfAbsent("log/a", Buffer.from("x"), { retention: null });
    await rm(join(root, "log"), { recursive: true });
    await store.putIfAbsent("log/b", Buffer.from("x"), { retention: null });
    expect(await keysOf(store)).toEqual(["log/b"]);
  });
});

describe("missing and unreadable are told apart", () => {
  test("when the root is gone, nothing is reported as absent", async () => {
    const store = await createDirectoryStore(root, { now });
    await store.putIfAbsent("a", Buffer.from("x"), { retention: null });
    await rename(root, join(folder, "elsewhere"));
    await expect(store.head("a")).rejects.toEqual(code("store.unreachable"));
    await expect(store.get("a", { maxBytes: 9 })).rejects.toEqual(code("store.unreachable"));
    await expect(store.lockState("a")).rejects.toEqual(code("store.unreachable"));
    await expect(keysOf(store)).rejects.toEqual(code("store.unreachable"));
    await expect(keysOf(store, "log/")).rejects.toEqual(code("store.unreachable"));
  });

  test("nor when another folder took its place, as an unmounted disk's mount point does", async () => {
    const store = await createDirectoryStore(root, { now });
    await store.putIfAbsent("a", Buffer.from("x"), { retention: null });
    await rename(root, join(folder, "elsewhere"));
    await mkdir(root);
    await expect(store.head("a")).rejects.toEqual(code("store.unreachable"));
    await expect(keysOf(store, "log/")).rejects.toEqual(code("store.unreachable"));
    await expect(keysOf(store)).rejects.toEqual(code("store.unreachable"));
    await expect(store.putIfAbsent("a", Buffer.from("x"), { retention: null })).rejects.toEqual(code("store.unreachable"));
  });
});

describe("what strangers plant", () => {
  test("files are listed as the objects they claim to be", async () => {
    const store = await createDirectoryStore(root, { now });
    await plant("log/stray");
    await utimes(join(root, "log/stray"), 1_700_000_000, 1_700_000_000);
    const versions = [];
    for await (const version of store.versions("log/")) versions.push(version);
    expect(versions).toEqual([
      {
        key: "log/stray",
        versionId: null,
        kind: "object",
        isLatest: true,
        size: 7,
        lastModified: "2023-11-14T22:13:20.000Z",
      },
    ]);
    expect(await store.lockState("log/stray")).toEqual({ retention: null, legalHold: false });
  });

  test("a link in place of an object is listed, and never followed", async () => {
    const store = await createDirectoryStore(root, { now });
    await writeFile(join(folder, "secret"), "outside");
    await symlink(join(folder, "secret"), join(root, "a"));
    await symlink(join(folder, "nothing"), join(root, "b"));
    expect(await keysOf(store)).toEqual(["a", "b"]);
    for (const key of ["a", "b"]) {
      await expect(store.get(key, { maxBytes: 100 })).rejects.toEqual(code("store.unsupported"));
      await expect(store.head(key)).rejects.toEqual(code("store.unsupported"));
      await expect(store.lockState(key)).rejects.toEqual(code("store.unsupported"));
      await expect(store.putIfAbsent(key, Buffer.from("x"), { retention: null })).rejects.toEqual(code("store.unsupported"));
    }
    expect(await readdir(folder)).toEqual(["archive", "secret"]);
  });

  test("a link in place of a folder is listed, and neither read nor written through", async () => {
    const store = await createDirectoryStore(root, { now });
    await mkdir(join(folder, "outside/log"), { recursive: true });
    await writeFile(join(folder, "outside/log/a"), "outside");
    await symlink(join(folder, "outside"), join(root, "x"));
    expect(await keysOf(store)).toEqual(["x"]);
    await expect(keysOf(store, "x/")).rejects.toEqual(code("store.unsupported"));
    await expect(keysOf(store, "x/log/")).rejects.toEqual(code("store.unsupported"));
    await expect(store.get("x/log/a", { maxBytes: 100 })).rejects.toEqual(code("store.unsupported"));
    await expect(store.putIfAbsent("x/log/b", Buffer.from("x"), { retention: null })).rejects.toEqual(code("store.unsupported"));
    expect(await readdir(join(folder, "outside/log"))).toEqual(["a"]);
  });

  test("lock records are not read or written through a link", async () => {
    const store = await createDirectoryStore(root, { now });
    await store.putIfAbsent("log/a", Buffer.from("x"), { retention: null });
    await mkdir(join(folder, "outside"));
    await symlink(join(folder, "outside"), join(root, ".stele/locks/log"));
    await expect(store.lockState("log/a")).rejects.toEqual(code("store.unsupported"));
    await expect(store.setLegalHold("log/a", true)).rejects.toEqual(code("store.unsupported"));
    expect(await readdir(join(folder, "outside"))).toEqual([]);
  });

  test("a socket is listed, and not opened", async () => {
    const store = await createDirectoryStore(root, { now });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root, "socket"), resolve));
    expect(await keysOf(store)).toEqual(["socket"]);
    await expect(store.get("socket", { maxBytes: 100 })).rejects.toEqual(code("store.unsupported"));
    await new Promise((resolve) => server.close(resolve));
  });

  test("a name that is no UTF-8 is listed with U+FFFD in its place", async () => {
    const store = await createDirectoryStore(root, { now });
    await writeFile(Buffer.concat([Buffer.from(`${root}/b`), Buffer.from([0xff])]), "x");
    await plant("a");
    await plant("c");
    expect(await keysOf(store)).toEqual(["a", "b\ufffd", "c"]);
  });

  test("a time beyond year 9999 or before year 1 does not stop a listing", async () => {
    const store = await createDirectoryStore(root, { now });
    await plant("a");
    await utimes(join(root, "a"), -1_000_000_000, -1_000_000_000);
    expect(await keysOf(store)).toEqual(["a"]);
  });

  test("a prefix does not lead out of the root", async () => {
    await createDirectoryStore(root, { now });
    const inner = await createDirectoryStore(join(root, "inner"), { now });
    await plant("outer");
    for (const prefix of ["../", "..", "/", "./", "a//", ".stele/", "../inner/", "\0/"])
      expect(await keysOf(inner, prefix)).toEqual([]);
  });
});

test("after and prefix cut through folders", async () => {
  const store = await createDirectoryStore(root, { now });
  for (const key of ["a/1", "b/1", "b/2", "c/1"]) await plant(key);
  expect(await keysOf(store, "", "b/1")).toEqual(["b/2", "c/1"]);
  expect(await keysOf(store, "b/")).toEqual(["b/1", "b/2"]);
  expect(await keysOf(store, "", "b0")).toEqual(["c/1"]);
  expect(await keysOf(store, "", "b-")).toEqual(["b/1", "b/2", "c/1"]);
});

test("an object that its owner rewrote reads as rewritten: telling is the verifier's part", async () => {
  const store = await createDirectoryStore(root, { now });
  await store.putIfAbsent("a", Buffer.from("original"), { retention: null });
  await chmod(join(root, "a"), 0o600);
  await writeFile(join(root, "a"), "rewritten");
  expect(Buffer.from((await store.get("a", { maxBytes: 9 })).body).toString()).toBe("rewritten");
});
