import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { isSteleError } from "../../src/core/error.ts";
import { coversRetention } from "../../src/core/retention.ts";
import { openForSweep } from "../../src/sweep/open-for-sweep.ts";
import { ROUNDS } from "../../src/sweep/place.ts";
import { record } from "../../src/sweep/record.ts";
import { readSweepEntries, restore } from "../../src/sweep/restore.ts";
import type { SweepResult } from "../../src/sweep/result.ts";
import { SweepState } from "../../src/sweep/state/state.ts";
import { sweep } from "../../src/sweep/sweep.ts";
import { listAll, LOG, ORIGIN, OWNER } from "../archive/fixture.ts";
import { CephPlace } from "../archive/tamper/ceph-place.ts";
import { COMMITS, Scene } from "../archive/tamper/scene.ts";
import { newBucket } from "../store/ceph-bucket.ts";

const DAY = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), "stele-sweep-ceph-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a sweep of a sound archive on a real server is signed and locked beside it, and another machine goes on from there", async () => {
  const place = new CephPlace(await newBucket(), []);
  const { store } = place;
  const scene = await Scene.build(place);
  let now = place.now() + DAY;
  const machine = (name: string): SweepState =>
    SweepState.open(join(folder, name), { origin: ORIGIN, place: store.url, now: () => now });
  const once = async (state: SweepState): Promise<SweepResult> =>
    sweep(await openForSweep(store, [OWNER.key]), { state, now: () => now, threads: 1, sweeper: "test" });

  using here = machine("here");
  const first = await once(here);
  expect(first).toMatchObject({ verdict: "sound", complete: true, findings: [] });
  expect(first.rounds.map(({ round, logs }) => [round, logs.map(({ log, checked }) => [log, checked])])).toEqual(
    ROUNDS.map((round) => [round, [[LOG, COMMITS]]]),
  );
  // A store that shows versions and locks leaves nothing of them unsaid.
  expect(first.notObservable.filter((what) => /version|lock/.test(what))).toEqual([]);

  const options = { signer: OWNER, spool: join(folder, "spool"), writerId: "test", now: () => now };
  expect(await record(scene.archive, here, options)).toBeGreaterThanOrEqual(ROUNDS.length);
  const entries = await readSweepEntries(scene.archive, 0, Number.MAX_SAFE_INTEGER);
  expect(entries.map(({ entry }) => entry)).toEqual(
    expect.arrayContaining(ROUNDS.map((round) => expect.objectContaining({ kind: "report", round, verdict: "sound" }))),
  );

  const reports = (await listAll(store, "_sweeps/")).filter(({ kind }) => kind === "object");
  expect(reports.map(({ key }) => key.split("/")[1])).toEqual(expect.arrayContaining(["manifests", "segments"]));
  for (const { key, versionId } of reports) {
    const { retention } = await store.lockState(key, { versionId });
    expect(coversRetention(retention, scene.retention), key).toBe(true);
    const remove = store.extendRetention(key, { mode: "GOVERNANCE", until: scene.retention.until }, { versionId });
    expect(
      await remove.then(
        () => "weakened",
        (error: unknown) => isSteleError(error),
      ),
      key,
    ).toBe(true);
  }

  now += 1000;
  const second = await once(here);
  expect(second).toMatchObject({ verdict: "sound", complete: true, findings: [] });
  expect(second.logs.map(({ log }) => log)).toEqual(["_sweeps", LOG]);

  using there = machine("there");
  expect(there.isNew).toBe(true);
  await restore(await openForSweep(store, [OWNER.key]), there);
  expect(there.log(LOG)?.checkpoint.size).toBe(COMMITS);
  const third = await once(there);
  expect(third).toMatchObject({ verdict: "sound", complete: true, findings: [] });
  // It knew the log's head already: there was nothing to meet.
  expect(third.rounds[0]?.logs.find(({ log }) => log === LOG)).toMatchObject({ checked: 0, complete: true });
});
