import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Archive } from "../../src/archive/archive.ts";
import { fileSource, streamSource } from "../../src/archive/input/source.ts";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { isSteleError } from "../../src/core/error.ts";
import { type Fault, faultAt, type FaultPlan, withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { commitLines, listAll, LOG, newArchive, NOW, openWriter, OWNER } from "./fixture.ts";
import { archiveAll, archiveFile, content, stoppedAfterOneChunk, wrongWith } from "./runs.ts";

const now = (): number => NOW;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-resume-"));
});
afterEach(() => rm(folder, { recursive: true }));

const LINES = Array.from({ length: 7 }, (_, i) => `event ${i} of the file\n`);
const EARLIER = "what the log had before\n";

/** A log that has something already, and a run that adds a file to it over a store where things go wrong. */
async function interrupted(
  conditionalPut: boolean,
  plan: FaultPlan,
): Promise<{ archive: Archive; calls: number; error: unknown }> {
  const store = new MemoryStore({ now, conditionalPut });
  const archive = await newArchive(store);
  await commitLines(await openWriter(archive), [EARLIER.trim()]);
  const faulty = withFaults(store, plan);
  const error = await archiveFile({ ...archive, store: faulty }, join(folder, "in.log")).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return { archive, calls: faulty.log.length, error };
}

describe.each([true, false])("a run that is interrupted at any store call, If-None-Match heeded: %s", (conditionalPut) => {
  test.each(["unpersisted", "persisted"] as const)(
    "the call is %s: run again, all events are there once and in order",
    async (kind) => {
      await writeFile(join(folder, "in.log"), LINES.join(""));
      const undisturbed = await interrupted(conditionalPut, () => null);
      expect(undisturbed.error).toBeNull();
      // Of four commits, each with its segment, its manifest and their locks.
      expect(undisturbed.calls).toBeGreaterThan(20);
      let failures = 0;
      for (let at = 0; at < undisturbed.calls; at++) {
        const fault: Fault = { kind };
        const { archive, error } = await interrupted(conditionalPut, ({ index }) => (index === at ? fault : null));
        if (error !== null) failures++;
        expect(error === null || isSteleError(error, "store.unreachable"), `call ${at}: ${String(error)}`).toBe(true);
        await archiveFile(archive, join(folder, "in.log"));
        expect(await content(archive), `after a fault at call ${at}`).toBe(EARLIER + LINES.join(""));
        const { verdict, findings } = await verifyArchive(archive.store, {
          pinned: [OWNER.key],
          level: "content",
          now: NOW,
          threads: 1,
        });
        const codes = findings.map(({ code }) => code).filter((code) => code !== "object.duplicate");
        expect({ at, verdict, codes }, JSON.stringify(findings)).toEqual({ at, verdict: "sound", codes: [] });
      }
      expect(failures).toBeGreaterThan(undisturbed.calls / 2);
    },
  );

  test("several runs in a row are interrupted, each a little later", async () => {
    await writeFile(join(folder, "in.log"), LINES.join(""));
    const store = new MemoryStore({ now, conditionalPut });
    const archive = await newArchive(store);
    for (let at = 0; at < 40; at++) {
      const faulty = withFaults(store, ({ index }) =>
        index === at ? { kind: at % 2 === 0 ? "persisted" : "unpersisted" } : null,
      );
      await archiveFile({ ...archive, store: faulty }, join(folder, "in.log")).catch((error: unknown) => {
        if (!isSteleError(error, "store.unreachable")) throw error;
      });
    }
    expect(await content(archive)).toBe(LINES.join(""));
  });
});

describe.each([true, false])(
  "a run on a new log is interrupted, and another machine goes on, If-None-Match heeded: %s",
  (heeded) => {
    const DAY = 86_400_000;
    test.each(["unpersisted", "persisted"] as const)("at any store call, which is %s", async (kind) => {
      const path = join(folder, "in.log");
      await writeFile(path, LINES.join(""));
      for (const wait of [DAY / 24, DAY]) {
        for (let at = 0, isOver = false; !isOver; at++) {
          const archive = await newArchive(new MemoryStore({ now, conditionalPut: heeded }));
          const store = withFaults(archive.store, ({ index }) => (index === at ? { kind } : null));
          await archiveFile({ ...archive, store }, path).catch((error: unknown) => {
            if (!isSteleError(error, "store.unreachable")) throw error;
          });
          isOver = store.log.length <= at;
          await archiveFile(archive, path, { now: () => NOW + wait, writerId: "another" });
          expect(await content(archive), `after a fault at call ${at}`).toBe(LINES.join(""));
          // A second version of a segment could not be deleted for as long as it is locked.
          const segments = await listAll(archive.store, `${LOG}/segments/`);
          expect(new Set(segments.map(({ key }) => key)).size, `after a fault at call ${at}`).toBe(segments.length);
          // The segment that was left behind is taken over, on another day as well: nothing stays that a verifier must name.
          expect(await wrongWith(archive, NOW + wait), `after a fault at call ${at}`).toEqual([]);
        }
      }
    });

    test("where the manifest that is committed fills a hash tile", async () => {
      const earlier = Array.from({ length: 255 }, (_, i) => `earlier ${i}`);
      const path = join(folder, "in.log");
      await writeFile(path, LINES.join(""));
      for (const kind of ["unpersisted", "persisted"] as const) {
        for (const call of ["putIfAbsent", "lockState"] as const) {
          const archive = await newArchive(new MemoryStore({ now, conditionalPut: heeded }));
          const writer = await openWriter(archive);
          for (const line of earlier) await commitLines(writer, [line]);
          const store = withFaults(
            archive.store,
            faultAt(call, 0, { kind }, (key) => key.startsWith(`${LOG}/tiles/`)),
          );
          await expect(archiveFile({ ...archive, store }, path)).rejects.toMatchObject({ code: "store.unreachable" });
          // What was being uploaded meanwhile has no manifest yet, and nothing else is wrong.
          const left = await wrongWith(archive);
          expect(left.filter(({ object }) => object?.startsWith(`${LOG}/segments/`) !== true)).toEqual([]);
          expect(left.filter(({ code }) => code !== "object.stray")).toEqual([]);
          await archiveFile(archive, path);
          expect(await content(archive)).toBe(earlier.map((line) => `${line}\n`).join("") + LINES.join(""));
          expect((await archive.store.head(`${LOG}/tiles/0/000`))?.size).toBe(256 * 32);
          expect(await wrongWith(archive)).toEqual([]);
        }
      }
    });
  },
);

describe("a run that is stopped", () => {
  let archive: Archive;
  beforeEach(async () => {
    archive = await newArchive(new MemoryStore({ now }));
  });
  const LONG = Array.from({ length: 2500 }, (_, i) => `${i} `.padEnd(1000, `${i}`));

  test.each(["in.log", "in.log.gz"])(
    "in the middle of a line of %s: nothing torn is archived, and the rest comes later",
    async (name) => {
      const path = join(folder, name);
      const text = `${LONG.join("\n")}\nthe end`;
      await writeFile(path, name.endsWith(".gz") ? gzipSync(text) : text);
      const limits = { entries: 1000 };
      const { source, stop } = stoppedAfterOneChunk(await fileSource(path));
      const { entries } = await archiveAll(archive, [source], { stop, limits });
      expect(entries).toBeGreaterThan(0);
      expect(entries).toBeLessThan(LONG.length);
      expect(await content(archive)).toBe(
        LONG.slice(0, entries)
          .map((line) => `${line}\n`)
          .join(""),
      );
      expect((await archiveFile(archive, path, { limits })).entries).toBe(LONG.length + 1 - entries);
      expect(await content(archive)).toBe(`${text}\n`);
    },
  );

  test("while it compares what is archived: the file is not taken for another", async () => {
    const path = join(folder, "in.log");
    await writeFile(path, LONG.join("\n"));
    const limits = { entries: 1000 };
    await archiveFile(archive, path, { limits });
    const { source, stop } = stoppedAfterOneChunk(await fileSource(path));
    expect(await archiveAll(archive, [source], { stop, limits })).toEqual({ entries: 0, reports: [] });
  });

  test("in the middle of a stream's line: what was read of it is archived, since it will not come again", async () => {
    const stream = new Readable({ read: () => undefined });
    stream.push("one\ntwo\nthr");
    const controller = new AbortController();
    await archiveAll(archive, [streamSource(stream, "stdin")], { stop: controller.signal, onCommit: () => controller.abort() });
    expect(await content(archive)).toBe("one\ntwo\nthr\n");
  });

  test("by a store that fails, while a stream is quiet: the error does not wait for the stream", async () => {
    const stream = new Readable({ read: () => undefined });
    stream.push("one\ntwo\n");
    const store = withFaults(archive.store, faultAt("putIfAbsent", 0, { kind: "unpersisted" }));
    await expect(archiveAll({ ...archive, store }, [streamSource(stream, "stdin")])).rejects.toMatchObject({
      code: "store.unreachable",
    });
  });
});

describe("a file that changes between runs", () => {
  let archive: Archive;
  let path: string;
  beforeEach(async () => {
    archive = await newArchive(new MemoryStore({ now }));
    path = join(folder, "in.log");
  });

  test("unchanged: nothing is added", async () => {
    await writeFile(path, "one\ntwo\nthree\n");
    await archiveFile(archive, path);
    expect(await archiveFile(archive, path)).toEqual({ entries: 0, reports: ["complete 14"] });
    expect(await content(archive)).toBe("one\ntwo\nthree\n");
  });

  test("grown: what is new is added", async () => {
    await writeFile(path, "one\ntwo\nthree\n");
    await archiveFile(archive, path);
    await appendFile(path, "four\nfive\n");
    expect(await archiveFile(archive, path)).toEqual({ entries: 2, reports: ["resumed 14"] });
    await appendFile(path, "six\n");
    expect(await archiveFile(archive, path)).toEqual({ entries: 1, reports: ["resumed 24"] });
    expect(await content(archive)).toBe("one\ntwo\nthree\nfour\nfive\nsix\n");
  });

  test("a compressed file grown by a part: what is new is added", async () => {
    await writeFile(`${path}.gz`, gzipSync("one\ntwo\n"));
    await archiveFile(archive, `${path}.gz`);
    await appendFile(`${path}.gz`, gzipSync("three\n"));
    expect(await archiveFile(archive, `${path}.gz`)).toEqual({ entries: 1, reports: ["resumed 8"] });
    expect(await content(archive)).toBe("one\ntwo\nthree\n");
  });

  test("two that grow in turns: each goes on where it ended, whatever came between", async () => {
    const paths = [join(folder, "a.log"), join(folder, "b.log")];
    let expected = "";
    for (let round = 0; round < 4; round++) {
      for (const each of paths) await appendFile(each, `${each} in round ${round}, first\nand second\n`);
      const order = round % 2 === 0 ? paths : paths.toReversed();
      expect((await archiveAll(archive, await Promise.all(order.map((each) => fileSource(each))))).entries).toBe(4);
      expected += order.map((each) => `${each} in round ${round}, first\nand second\n`).join("");
    }
    expect(await content(archive)).toBe(expected);
    expect(await wrongWith(archive)).toEqual([]);
  });

  test("replaced by another of the same length or longer: it is archived whole", async () => {
    await writeFile(path, "one\ntwo\n");
    await archiveFile(archive, path);
    for (const other of ["eno\nowt\n", "uno\ndue\ntre\n"]) {
      await writeFile(path, other);
      expect((await archiveFile(archive, path)).reports[0]).toMatch(/^replaced /);
    }
    expect(await content(archive)).toBe("one\ntwo\neno\nowt\nuno\ndue\ntre\n");
  });

  test.each(["ab\nc\n\nd\n", "ab\nc\n\nd"])("with any one byte of %j another: it is archived whole", async (text) => {
    for (let at = 0; at < text.length; at++) {
      for (const other of ["x", "\n"].filter((letter) => letter !== text[at])) {
        const one = await newArchive(new MemoryStore({ now }));
        await writeFile(path, text);
        await archiveFile(one, path);
        await writeFile(path, `${text.slice(0, at)}${other}${text.slice(at + 1)}more\n`);
        expect((await archiveFile(one, path)).reports, `byte ${at} is ${other}`).toEqual([`replaced ${text.length}`]);
      }
    }
  });

  test("cut and begun anew: it is archived whole", async () => {
    await writeFile(path, "one\ntwo\nthree\n");
    await archiveFile(archive, path);
    await writeFile(path, "one\n");
    expect(await archiveFile(archive, path)).toEqual({ entries: 1, reports: ["replaced 14"] });
    expect(await content(archive)).toBe("one\ntwo\nthree\none\n");
  });

  test("a last line that was not finished is archived again, whole", async () => {
    await writeFile(path, "one\ntw");
    await archiveFile(archive, path);
    await appendFile(path, "o\nthree\n");
    expect(await archiveFile(archive, path)).toEqual({ entries: 2, reports: ["torn-line 6"] });
    expect(await content(archive)).toBe("one\ntw\ntwo\nthree\n");
  });

  test("a last line that lacked only its line feed gets no second entry", async () => {
    await writeFile(path, "one\ntwo");
    await archiveFile(archive, path);
    await appendFile(path, "\n");
    await archiveFile(archive, path);
    await appendFile(path, "three\n");
    await archiveFile(archive, path);
    expect(await content(archive)).toBe("one\ntwo\nthree\n");
  });

  test("stopped early: what was not read comes with the next run", async () => {
    await writeFile(path, LINES.join(""));
    expect((await archiveFile(archive, path, { stop: AbortSignal.abort() })).entries).toBe(0);
    await archiveFile(archive, path);
    expect(await content(archive)).toBe(LINES.join(""));
  });
});

test("progress is found behind more than 256 manifests of another source", async () => {
  const archive = await newArchive(new MemoryStore({ now }));
  const path = join(folder, "in.log");
  await writeFile(path, "one\ntwo\n");
  await archiveFile(archive, path);
  const writer = await openWriter(archive);
  const others = Array.from({ length: 600 }, (_, i) => `other ${i}`);
  for (const line of others) await commitLines(writer, [line], { source: "other" });
  await appendFile(path, "three\n");
  expect(await archiveFile(archive, path)).toEqual({ entries: 1, reports: ["resumed 8"] });
  expect(await content(archive)).toBe(`one\ntwo\n${others.join("\n")}\nthree\n`);
});

test("junk among the manifests hides no progress", async () => {
  const archive = await newArchive(new MemoryStore({ now }));
  const file = join(folder, "in.log");
  await writeFile(file, LINES.join(""));
  await archiveFile(archive, file);
  for (const name of ["junk", "0000", "~"]) {
    await archive.store.putIfAbsent(`${LOG}/manifests/${name}`, new TextEncoder().encode("junk"), { retention: null });
  }
  await appendFile(file, "and more\n");
  await archiveFile(archive, file);
  expect(await content(archive)).toBe(`${LINES.join("")}and more\n`);
});
