import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Archive } from "../../src/archive/archive.ts";
import { type ArchiveResult, archiveSources, type ArchiveSourcesOptions } from "../../src/archive/archive-sources.ts";
import { fileSource, streamSource } from "../../src/archive/input/source.ts";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { parseCommit, type ParsedCommit } from "./stored-commit.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { listAll, LOG, newArchive, NOW, openWriter, OWNER, readAll } from "./fixture.ts";
import { commitArrivals, slicesOf } from "./slices.ts";
import { Readable } from "node:stream";
import { isSteleError } from "../../src/core/error.ts";

const now = (): number => NOW;
const DATA = fileURLToPath(new URL("../../../shared/data/", import.meta.url));

let folder: string;
let store: MemoryStore;
let archive: Archive;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-round-trip-"));
  store = new MemoryStore({ now });
  archive = await newArchive(store);
});
afterEach(() => rm(folder, { recursive: true }));

type Limits = ArchiveSourcesOptions["limits"];

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

async function archived(paths: readonly string[], limits: Limits = {}, into: Archive = archive): Promise<ArchiveResult> {
  const sources = await Promise.all(paths.map((path) => fileSource(path)));
  return archiveSources(into, LOG, sources, { signer: OWNER, writerId: "test", now, limits, threads: 1 });
}

async function readBack(from: Archive = archive): Promise<Buffer> {
  const { bytes, error } = await readAll(from);
  expect(error).toBeNull();
  return bytes;
}

/** The manifests as they lie in the store, read by nothing of the archive's own; `bytes` is how long their line is. */
async function stored(): Promise<(ParsedCommit & { readonly bytes: number })[]> {
  const commits = [];
  for (const { key } of await listAll(store, `${LOG}/manifests/`)) {
    const { body } = await store.get(key, { maxBytes: 1 << 20 });
    commits.push({ ...parseCommit(body), bytes: body.indexOf(0x0a) });
  }
  return commits;
}

/** What a stranger gets with `zstd -d`, segment after segment. */
async function decompressed(): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const { segment } of await stored()) {
    if (segment !== null) parts.push(zstdDecompressSync((await store.get(`${LOG}/${segment.key}`, { maxBytes: 1 << 30 })).body));
  }
  return Buffer.concat(parts);
}

describe("what is put in comes out, byte for byte", () => {
  const CASES: readonly (readonly [string, Uint8Array | string, string, number])[] = [
    ["plain text", "one\ntwo\nthree\n", "one\ntwo\nthree\n", 3],
    ["carriage returns", "one\r\ntwo\r\n", "one\r\ntwo\r\n", 2],
    ["blank lines", "\n\none\n\n", "\n\none\n\n", 4],
    ["a last line without a line feed", "one\ntwo", "one\ntwo\n", 2],
    ["a lone line without a line feed", "one", "one\n", 1],
    ["a lone line feed", "\n", "\n", 1],
    ["white space at the ends", "  one \t\n", "  one \t\n", 1],
    ["a byte order mark and zero bytes", "\ufeffone\0two\n", "\ufeffone\0two\n", 1],
  ];
  test.each(CASES)("%s", async (_name, content, expected, count) => {
    const { entries, rawBytes } = await archived([await file("in.log", content)]);
    expect({ entries, rawBytes }).toEqual({ entries: count, rawBytes: Buffer.byteLength(expected) });
    expect((await readBack()).toString()).toBe(expected);
    expect((await decompressed()).toString()).toBe(expected);
  });

  test("bytes that are no UTF-8", async () => {
    const content = Buffer.from([0xff, 0xfe, 0x0a, 0xc3, 0x28, 0x0d, 0x0a, 0x80, 0x0a]);
    expect((await archived([await file("in.log", content)])).entries).toBe(3);
    expect((await readBack()).equals(content)).toBe(true);
  });

  test("an empty file adds nothing", async () => {
    expect(await archived([await file("in.log", "")])).toMatchObject({ entries: 0, segments: 0, head: null });
    expect(await listAll(store, `${LOG}/segments/`)).toEqual([]);
  });

  test("a line of 1 MiB among short ones", async () => {
    const content = `before\n${"x".repeat(1 << 20)}\nafter\n`;
    expect((await archived([await file("in.log", content)])).entries).toBe(3);
    expect((await readBack()).toString()).toBe(content);
  });

  test.each(["gz", "zst"])("a compressed file, also of several parts: .%s", async (extension) => {
    const compress = extension === "gz" ? gzipSync : zstdCompressSync;
    const content = Buffer.concat(["one\ntw", "o\n", "three\n"].map((part) => compress(Buffer.from(part))));
    expect((await archived([await file(`in.log.${extension}`, content)])).entries).toBe(3);
    expect((await readBack()).toString()).toBe("one\ntwo\nthree\n");
  });

  test.each(["gz", "zst"])(
    "a compressed file that is cut off is refused, not taken for a shorter one: .%s",
    async (extension) => {
      const compress = extension === "gz" ? gzipSync : zstdCompressSync;
      const whole = compress(Buffer.from("one line of many\n".repeat(10_000)));
      const path = await file(`in.log.${extension}`, whole.subarray(0, whole.length - 12));
      await expect(archived([path])).rejects.toSatisfy((error) => isSteleError(error, "input.unreadable"));
    },
  );
});

describe("several sources", () => {
  test("share a segment, each with its provenance", async () => {
    const paths = [
      await file("a.log", "a1\na2\n"),
      await file("b.log", "b1"),
      await file("c.log", ""),
      await file("d.log", "d1\n"),
    ];
    expect(await archived(paths)).toMatchObject({ entries: 4, segments: 1 });
    expect((await readBack()).toString()).toBe("a1\na2\nb1\nd1\n");
    const [commit] = await stored();
    expect(commit?.appends.map(({ first, count, source }) => [first, count, source])).toEqual([
      [0, 2, `file:${paths[0]}`],
      [2, 1, `file:${paths[1]}`],
      [3, 1, `file:${paths[3]}`],
    ]);
  });

  test("many tiny ones need no segment each, and none is lost", async () => {
    const paths = await Promise.all(Array.from({ length: 350 }, (_, i) => file(`tiny-${i}.log`, `line of ${i}\n`)));
    const { entries, segments } = await archived(paths);
    expect(entries).toBe(350);
    expect(segments).toBeLessThan(10);
    expect((await readBack()).toString()).toBe(paths.map((_, i) => `line of ${i}\n`).join(""));
    expect((await archived(paths)).entries).toBe(0);
  });

  test.each(["n", '"', "\u0001", "\u65e5"])("have long names, and no manifest gets too long: %j", async (character) => {
    const paths = await Promise.all(Array.from({ length: 60 }, (_, i) => file(`long-${i}.log`, `line of ${i}\n`)));
    const run = async (length: number): Promise<ArchiveResult> => {
      const sources = await Promise.all(paths.map((path, i) => fileSource(path, `${i}`.padEnd(length, character))));
      return archiveSources(archive, LOG, sources, { signer: OWNER, writerId: "test", now, threads: 1 });
    };
    await expect(run(1025)).rejects.toMatchObject({ code: "input.invalid" });
    expect(await listAll(store, `${LOG}/`)).toEqual([]);
    expect((await run(1000)).entries).toBe(60);
    // The longest entry of a C2SP tlog-tiles log.
    for (const { bytes } of await stored()) expect(bytes).toBeLessThanOrEqual(65_535);
    expect((await readBack()).toString()).toBe(paths.map((_, i) => `line of ${i}\n`).join(""));
    expect((await run(1000)).entries).toBe(0);
  });

  test("standard input, piece by piece", async () => {
    const stream = Readable.from(["on", "e\ntwo", "\n", "three"].map((part) => Buffer.from(part)));
    const options = { signer: OWNER, writerId: "test", now, threads: 1 };
    const { entries } = await archiveSources(archive, LOG, [streamSource(stream, "stdin")], options);
    expect(entries).toBe(3);
    expect((await readBack()).toString()).toBe("one\ntwo\nthree\n");
  });
});

describe("a line over the limit", () => {
  const limits = { bytes: 4096, entryBytes: 100 };

  test("is named by file, line and byte; what is before it is archived, and once it is gone the rest follows", async () => {
    const path = await file("in.log", `one\ntwo\n${"x".repeat(101)}\nthree\n`);
    await expect(archived([path], limits)).rejects.toSatisfy(
      (error) => isSteleError(error, "input.entry-too-large") && error.message.startsWith(`${path}: line 3, at byte 8, `),
    );
    expect((await readBack()).toString()).toBe("one\ntwo\n");
    await writeFile(path, "one\ntwo\nthree\n");
    expect((await archived([path], limits)).entries).toBe(1);
    expect((await readBack()).toString()).toBe("one\ntwo\nthree\n");
  });

  test("as the last line without a line feed, and as one longer than a segment", async () => {
    for (const [name, line] of [
      ["a.log", "x".repeat(101)],
      ["b.log", "x".repeat(5000)],
    ] as const) {
      await expect(archived([await file(name, `ok\n${line}`)], limits)).rejects.toSatisfy((error) =>
        isSteleError(error, "input.entry-too-large"),
      );
    }
    expect((await readBack()).toString()).toBe("ok\nok\n");
  });

  test("is named by its place in the whole file, behind full segments and what an earlier run archived", async () => {
    const path = await file("in.log", "one\ntwo\nthree\n");
    await archived([path], limits);
    await writeFile(path, `one\ntwo\nthree\nfour\nfive\nsix\n${"x".repeat(101)}\n`);
    await expect(archived([path], { ...limits, entries: 2 })).rejects.toSatisfy(
      (error) => isSteleError(error, "input.entry-too-large") && error.message.startsWith(`${path}: line 7, at byte 28, `),
    );
    expect((await readBack()).toString()).toBe("one\ntwo\nthree\nfour\nfive\nsix\n");
  });

  test("at the limit itself is none", async () => {
    expect((await archived([await file("in.log", `${"x".repeat(100)}\n`)], limits)).entries).toBe(1);
  });
});

describe("limits of a segment", () => {
  test.each([
    [{ entries: 3 }, [3, 3, 3, 1]],
    [{ bytes: 21, entryBytes: 20 }, [3, 3, 3, 1]],
    [{ entries: 1 }, Array.from({ length: 10 }, () => 1)],
  ])("%o", async (limits, counts) => {
    const content = Array.from({ length: 10 }, (_, i) => `line ${i}\n`).join("");
    await archived([await file("in.log", content)], limits);
    expect((await stored()).map(({ entries }) => entries.count)).toEqual(counts);
    expect((await readBack()).toString()).toBe(content);
  });
});

test("whatever the lines and the limits, segments and reading give the same bytes", async () => {
  const lines = fc.array(
    fc.uint8Array({ maxLength: 40 }).map((line) => line.filter((byte) => byte !== 0x0a)),
    { maxLength: 60 },
  );
  const limits = fc.record({
    entryBytes: fc.integer({ min: 40, max: 60 }),
    entries: fc.integer({ min: 1, max: 20 }),
    spare: fc.integer({ min: 1, max: 300 }),
  });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(lines, limits, fc.boolean(), async (made, { entryBytes, entries, spare }, ended) => {
      store = new MemoryStore({ now });
      archive = await newArchive(store);
      const whole = Buffer.concat(made.map((line) => Buffer.concat([line, Buffer.from("\n")])));
      // Without its line feed an empty last line is none.
      const cut = !ended && (made.at(-1)?.length ?? 0) > 0;
      const path = await file(`random-${run++}.log`, cut ? whole.subarray(0, -1) : whole);
      const result = await archived([path], { entryBytes, entries, bytes: entryBytes + spare }, archive);
      expect(result.entries).toBe(made.length);
      if (made.length === 0) return;
      expect((await readBack(archive)).equals(whole)).toBe(true);
      expect((await decompressed()).equals(whole)).toBe(true);
      const report = await verifyArchive(store, { pinned: [OWNER.key], level: "content", now: NOW, threads: 1 });
      expect(report).toMatchObject({ verdict: "sound", findings: [], logs: [{ entries: made.length, bytes: whole.length }] });
    }),
    { numRuns: 60 },
  );
});

test("a range, by index or by time of arrival, is a slice of all entries", async () => {
  const all = await commitArrivals((clock) => openWriter(archive, { now: clock }));
  for (const { from, to, code, text } of slicesOf(all)) {
    const { bytes, error } = await readAll(archive, LOG, { from, to });
    expect({ from, to, code: error?.code, text: bytes.toString() }).toEqual({ from, to, code, text });
  }
});

test("every object is locked just as the manifest says", async () => {
  await archived([await file("in.log", "one\ntwo\nthree\n")], { entries: 1 });
  const commits = await stored();
  expect(commits).toHaveLength(3);
  for (const { index, retention, segment } of commits) {
    expect(retention).toEqual({ mode: "COMPLIANCE", until: "2027-01-02T00:00:00.000Z" });
    for (const key of [`manifests/${String(index).padStart(16, "0")}.ndjson`, segment?.key ?? ""]) {
      expect(await store.lockState(`${LOG}/${key}`)).toEqual({ retention, legalHold: false });
    }
  }
  for (const key of ["archive.json", `${LOG}/log.json`]) {
    const retention = { mode: "COMPLIANCE", until: "2027-01-02T00:00:00.000Z" };
    expect(await store.lockState(key)).toEqual({ retention, legalHold: false });
  }
});

describe("real audit logs", () => {
  for (const [name, count] of [
    ["cloudtrail.ndjson", 2900],
    ["k8s-audit.ndjson", 51],
  ] as const) {
    const path = join(DATA, name);
    const isThere = existsSync(path);
    if (!isThere) console.warn(`skipped: there is no ${name} in ${DATA} to test with`);
    test.skipIf(!isThere)(name, async () => {
      const content = await readFile(path);
      expect((await archived([path], { bytes: 1 << 20, entryBytes: 1 << 19 })).entries).toBe(count);
      expect((await readBack()).equals(content)).toBe(true);
      expect((await decompressed()).equals(content)).toBe(true);
    });
  }
});
