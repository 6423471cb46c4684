import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openArchive } from "../../../src/archive/archive.ts";
import { proveEntry } from "../../../src/archive/prove.ts";
import { type VerifyOptions, verifyArchive } from "../../../src/archive/verify/verify.ts";
import { isSteleError } from "../../../src/core/error.ts";
import { openDirectoryStore } from "../../../src/store/directory/directory.ts";
import { MemoryStore } from "../../../src/store/memory/memory.ts";
import { listAll, newArchive, NOW, openWriter, OWNER, readAll, SUCCESSOR } from "../fixture.ts";
import { edited } from "./case.ts";
import { DirectoryPlace } from "./directory-place.ts";
import { forgeNext } from "./forge.ts";
import { MemoryPlace } from "./memory-place.ts";
import { COMMITS, Scene } from "./scene.ts";

const options: VerifyOptions = { pinned: [OWNER.key], level: "content", now: NOW, threads: 1 };
const now = (): number => NOW;
const memoryScene = (): Promise<Scene> => Scene.build(new MemoryPlace({ conditionalPut: true }));

async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return isSteleError(error) ? error.code : `no refusal: ${String(error)}`;
}

/** An empty place may be reported or refused, with a pinned key or without, as long as it is never sound. */
async function outcomeOf(call: Promise<{ readonly verdict: string }>): Promise<string> {
  return call.then(
    ({ verdict }) => verdict,
    (error: unknown) => (isSteleError(error) ? error.code : `a bug: ${String(error)}`),
  );
}
const FAILS = /^(unsound|store\.not-found)$/;

test.each([{ pinned: [] }, { pinned: [OWNER.key] }])(
  "an empty place is no sound archive: $pinned.length keys pinned",
  async (pins) => {
    for (const allowEmpty of [false, true]) {
      expect(await outcomeOf(verifyArchive(new MemoryStore({ now }), { ...options, ...pins, allowEmpty }))).toMatch(FAILS);
    }
  },
);

test.each([0, 1])(
  "an archive from which everything was deleted is not sound, %i checkpoints of it remembered",
  async (remembered) => {
    const scene = await memoryScene();
    for (const { key } of await listAll(scene.place.store)) await scene.place.remove(key);
    expect(await listAll(scene.place.store)).toEqual([]);
    const checkpoints = [scene.checkpoint(COMMITS)].slice(0, remembered);
    expect(await outcomeOf(verifyArchive(scene.place.store, { ...options, checkpoints }))).toMatch(FAILS);
  },
);

test("an archive without logs is sound only where it may be empty", async () => {
  const store = new MemoryStore({ now });
  await newArchive(store);
  const { verdict, findings } = await verifyArchive(store, options);
  expect({ verdict, codes: findings.map(({ code }) => code) }).toEqual({ verdict: "unsound", codes: ["log.missing"] });
  expect(await verifyArchive(store, { ...options, allowEmpty: true })).toMatchObject({ verdict: "sound", findings: [] });
});

test("a log that was never there is missing when asked for by name", async () => {
  const { place } = await memoryScene();
  const { verdict, findings } = await verifyArchive(place.store, { ...options, logs: ["never"] });
  expect({ verdict, codes: findings.map(({ code, log }) => [code, log]) }).toEqual({
    verdict: "unsound",
    codes: [["log.missing", "never"]],
  });
});

test("junk in a log's folder is named as well when only that log is verified", async () => {
  const { place, retention } = await memoryScene();
  await place.put("app/notes.txt", Buffer.from("junk"), retention);
  const { verdict, findings } = await verifyArchive(place.store, { ...options, logs: ["app"] });
  expect(findings.map(({ code, object }) => [code, object])).toEqual([["object.stray", "app/notes.txt"]]);
  expect(verdict).toBe("unsound");
});

test("nobody but a pinned key is believed when archive.json was changed", async () => {
  const { place } = await memoryScene();
  await place.rewrite("archive.json", edited('"period":"1y"', '"period":"2y"'));
  const refused = await codeOf(verifyArchive(place.store, { ...options, pinned: [] }));
  expect(refused).toMatch(/^(log\.unsound|log\.key|proof\.signature)$/);
  expect(await codeOf(openArchive(place.store))).toBe("proof.signature");
});

test("a plain copy verifies the same way, and says that it shows neither locks nor versions", async () => {
  const original = await DirectoryPlace.create();
  onTestFinished(() => original.close());
  const scene = await Scene.build(original);
  const copy = await original.copy();
  onTestFinished(() => copy.close());
  await rm(join(copy.folder, ".stele"), { recursive: true });
  const store = await openDirectoryStore(copy.folder, { now });
  const { verdict, findings, notObservable } = await verifyArchive(store, options);
  expect({ verdict, findings }).toEqual({ verdict: "sound", findings: [] });
  expect(notObservable).toContainEqual(expect.stringMatching(/^locks: this is a plain copy/));
  expect(notObservable).toContainEqual(expect.stringMatching(/^older versions and delete markers/));
  const { bytes, error } = await readAll({ ...scene.archive, store });
  expect({ same: bytes.equals(scene.original), error }).toEqual({ same: true, error: null });
  await expect(openWriter({ ...scene.archive, store })).rejects.toSatisfy((thrown) => isSteleError(thrown, "store.unsupported"));
});

test("a plain copy of which a byte changed is unsound", async () => {
  const original = await DirectoryPlace.create();
  onTestFinished(() => original.close());
  const scene = await Scene.build(original);
  await original.rewrite(scene.segment(5), (body) => body.with(30, (body[30] ?? 0) ^ 4));
  await rm(join(original.folder, ".stele"), { recursive: true });
  const { verdict, findings } = await verifyArchive(await openDirectoryStore(original.folder, { now }), options);
  expect({ verdict, codes: findings.map(({ code, index }) => [code, index]) }).toEqual({
    verdict: "unsound",
    codes: [["segment.altered", 5]],
  });
});

/** The log's key was rotated and retired; then somebody who has the old one appended to the log. */
async function appendedByRetiredKey(andCommits: number): Promise<{ scene: Scene; first: number }> {
  const scene = await Scene.build(await DirectoryPlace.create());
  onTestFinished(() => scene.place.close());
  await scene.rotate(SUCCESSOR, { andCommits });
  const { first, count } = scene.head.manifest.entries;
  await forgeNext(scene, scene.head, { signer: OWNER, lines: ["invented"] });
  return { scene, first: first + count };
}

test.each([0, 2])(
  "what a retired key appended, %i commits after, is never given out, wherever the reading begins",
  async (commits) => {
    const { scene, first } = await appendedByRetiredKey(commits);
    for (const from of [0, first - 1, first]) {
      const { bytes } = await readAll(scene.archive, undefined, { from: { index: from } });
      expect({ from, invented: bytes.includes("invented") }).toEqual({ from, invented: false });
    }
  },
);

test.each([0, 2])("what a retired key appended, %i commits after, can't be proven", async (commits) => {
  const { scene, first } = await appendedByRetiredKey(commits);
  await expect(proveEntry(scene.archive, "app", first)).rejects.toSatisfy((error) => isSteleError(error));
});

test.each([0, 2])("a writer does not build on what a retired key appended, %i commits after", async (commits) => {
  const { scene, first } = await appendedByRetiredKey(commits);
  const writer = await openWriter(scene.archive, { signer: SUCCESSOR });
  expect(writer.nextEntry).toBe(first);
});

test("a retired key can't write any more", async () => {
  const scene = await Scene.build(await DirectoryPlace.create());
  onTestFinished(() => scene.place.close());
  await scene.rotate(SUCCESSOR, { andCommits: 1 });
  expect(await codeOf(openWriter(scene.archive, { signer: OWNER }))).toBe("log.key");
});
