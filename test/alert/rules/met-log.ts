import { openLog } from "../../../src/archive/log-reader.ts";
import { loadSegment } from "../../../src/archive/load-segment.ts";
import { proveEntry } from "../../../src/archive/prove.ts";
import { SegmentPool } from "../../../src/archive/segment/pool.ts";
import { sealSegment } from "../../../src/archive/segment/seal.ts";
import { timestamp } from "../../../src/core/time.ts";
import { MemoryStore } from "../../../src/store/memory/memory.ts";
import type { Alarm } from "../../../src/sweep/alarm.ts";
import type { EntryObserver, MetManifest } from "../../../src/sweep/observer.ts";
import { LOG, newArchive, NOW, openWriter, rawOf } from "../../archive/fixture.ts";

/** What one source delivers at once. */
export interface Delivery {
  readonly lines: readonly string[];
  /** Milliseconds after the fixture's clock. Default 0. */
  readonly at?: number;
  readonly source?: string;
}

/** Archives each list of deliveries in a manifest, none in a heartbeat, and meets the manifests as the head round does. */
export async function metLog(manifests: readonly (readonly Delivery[])[], log: string = LOG): Promise<MetManifest[]> {
  const archive = await newArchive(new MemoryStore({ now: () => NOW }));
  let now = NOW;
  const writer = await openWriter(archive, { log, now: () => now });
  for (const deliveries of manifests) {
    now = NOW + Math.max(0, ...deliveries.map(({ at = 0 }) => at), now - NOW);
    if (deliveries.length === 0) {
      await writer.heartbeat();
      continue;
    }
    const appends = deliveries.map(({ lines, at = 0, source = "test" }) => ({
      count: lines.length,
      time: timestamp(NOW + at),
      source,
    }));
    await writer.commit(sealSegment(rawOf(deliveries.flatMap(({ lines }) => lines))), appends);
  }
  const opened = await openLog(archive, log);
  await using pool = new SegmentPool(1);
  const met: MetManifest[] = [];
  for (let index = 0; index < manifests.length; index++) {
    const commit = await opened.history.commit(index);
    const { segment } = commit.manifest;
    met.push({
      log: opened.log,
      origin: archive.origin,
      commit,
      segment:
        segment === null
          ? null
          : await loadSegment(archive.store, pool, opened.log, commit, segment, { chainBefore: null, keepRaw: true }),
      prove: (entry) => proveEntry(archive, log, entry),
    });
  }
  return met;
}

/** Shows manifests to an observer; `restart` makes it anew before each, with nothing but its notes. */
export async function observeAll(
  make: () => EntryObserver,
  met: readonly MetManifest[],
  restart = false,
): Promise<{ readonly alarms: Alarm[]; readonly notes: string | null }> {
  let observer = make();
  let notes: string | null = null;
  const alarms: Alarm[] = [];
  for (const manifest of met) {
    if (restart) observer = make();
    const seen = await observer.observe(manifest, notes);
    alarms.push(...seen.alarms);
    notes = seen.notes ?? notes;
  }
  return { alarms, notes };
}
