import { expect, test, vi } from "vitest";
import type { Spool } from "../../../src/archive/spool/spool.ts";
import { SpoolState } from "../../../src/archive/spool/state.ts";
import { allEntries, commitOf, delivery, newFolder, newSpool, NOW, openSpool } from "./fixture.ts";
import { FaultyFiles } from "./faulty-files.ts";

async function retireAll(spool: Spool): Promise<void> {
  await spool.cut();
  for (const file of spool.pending) await spool.retire(file, commitOf(file.first));
}

const first = { first: 0, count: 2, duplicate: false };
const again = { first: 0, count: 2, duplicate: true };
const one = delivery(["a", "b"], { id: "7" });
/** What the sender repeats need not be the same bytes. */
const repeated = delivery("a", { id: "7" });

test("a repeated id gets the first receipt: in flight, afterwards, after a restart, archived, and archived and restarted", async () => {
  const folder = newFolder();
  let spool = await newSpool(folder);
  expect(await Promise.all([spool.append(one), spool.append(repeated)])).toEqual([first, again]);
  expect(await spool.append(repeated)).toEqual(again);
  expect(await spool.append({ ...one, source: "other" })).toEqual({ first: 2, count: 2, duplicate: false });

  await spool.close();
  spool = await openSpool(folder);
  expect(await spool.append(repeated)).toEqual(again);
  expect(await allEntries(spool)).toEqual(["a", "b", "a", "b"]);

  await retireAll(spool);
  expect(await spool.append(repeated)).toEqual(again);
  await spool.close();
  spool = await openSpool(folder);
  expect(await spool.append(repeated)).toEqual(again);
  expect(spool.committed(1)).toEqual(commitOf(0));
  expect([spool.committed(4), spool.next, spool.entries]).toEqual([null, 4, 0]);
  await spool.close();
});

test("an id whose delivery failed was not accepted, nor was who waited for it", async () => {
  const files = new FaultyFiles();
  const spool = await newSpool(newFolder(), { files });
  files.plan = (_, operation) => (operation === "datasync" ? { errno: "EIO", when: "before" } : null);
  const failed = await Promise.allSettled([spool.append(one), spool.append(repeated)]);
  expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  files.plan = () => null;
  expect(await spool.append(one)).toEqual(first);
  await spool.close();
});

test("ids that the state could not take over are taken over before those of a later file", async () => {
  const folder = newFolder();
  let spool = await newSpool(folder);
  const full = vi.spyOn(SpoolState.prototype, "storeIds").mockRejectedValueOnce(new Error("database or disk is full"));
  try {
    await spool.append(one);
    await spool.cut();
    await spool.append(delivery("c", { id: "8" }));
    await spool.cut();
    await spool.close();
    expect(full.mock.calls.map(([, until]) => until)).toEqual([2, 2, 3]);
  } finally {
    full.mockRestore();
  }
  spool = await openSpool(folder);
  expect(await spool.append(repeated)).toEqual(again);
  await spool.close();
});

test("the window by age: an id may come again after it, from memory, the state and a recovered file", async () => {
  let now = NOW;
  const options = { now: () => now, window: { ids: 100, millis: 1000 } };
  const folder = newFolder();
  let spool = await newSpool(folder, options);
  await spool.append(one);
  now += 1000;
  expect(await spool.append(one)).toEqual(again);
  now += 1;
  expect(await spool.append(one)).toEqual({ ...first, first: 2 });
  await spool.close();
  spool = await openSpool(folder, options);
  expect(await spool.append(one)).toEqual({ ...again, first: 2 });
  now += 1001;
  expect(await spool.append(one)).toEqual({ ...first, first: 4 });
  await retireAll(spool);
  expect(await spool.append(one)).toEqual({ ...again, first: 4 });
  now += 1001;
  expect(await spool.append(one)).toEqual({ ...first, first: 6 });
  await retireAll(spool);
  expect([spool.committed(0), spool.committed(6)]).toEqual([null, commitOf(6)]);
  await spool.close();
});

test("the window by count: the oldest ids are forgotten", async () => {
  const folder = newFolder();
  const spool = await newSpool(folder, { window: { ids: 3, millis: 1e9 } });
  for (let i = 0; i < 5; i++) {
    await spool.append(delivery(`e${i}`, { id: `${i}` }));
    if (i % 2 === 0) await spool.cut();
  }
  await retireAll(spool);
  const duplicates: boolean[] = [];
  for (let i = 4; i >= 0; i--) duplicates.push((await spool.append(delivery("again", { id: `${i}` }))).duplicate);
  expect(duplicates).toEqual([true, true, true, false, false]);
  await spool.close();
});

test("cursors: the last durable one of each source, through restart and retirement", async () => {
  const folder = newFolder();
  let spool = await newSpool(folder);
  const pending = spool.append(delivery("a", { source: "file", cursor: "10" }));
  expect(spool.cursor("file")).toBeNull();
  await pending;
  await spool.append(delivery("b", { source: "other", cursor: "1" }));
  await spool.append(delivery("c", { source: "file", cursor: "20" }));
  await spool.append(delivery("d", { source: "file" }));
  expect([spool.cursor("file"), spool.cursor("other"), spool.cursor("none")]).toEqual(["20", "1", null]);
  await spool.close();
  spool = await openSpool(folder);
  expect([spool.cursor("file"), spool.cursor("other")]).toEqual(["20", "1"]);
  await retireAll(spool);
  await spool.append(delivery("e", { source: "file", cursor: "30" }));
  await spool.close();
  spool = await openSpool(folder);
  expect([spool.cursor("file"), spool.cursor("other")]).toEqual(["30", "1"]);
  await spool.close();
});
