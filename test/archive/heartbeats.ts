import { type Commit, openCommit } from "../../src/core/commit.ts";
import { chainStart } from "../../src/core/chain.ts";
import { CompactRange } from "../../src/core/compact-range.ts";
import type { Manifest } from "../../src/core/manifest.ts";
import { parseTimestamp } from "../../src/core/time.ts";
import { LOG, LOG_ORIGIN, OWNER } from "./fixture.ts";
import { signCommit } from "./tamper/forge.ts";

/** A manifest object that only says that nothing came. */
export interface Heartbeat {
  readonly commit: Commit;
  readonly bytes: Uint8Array;
}

const EMPTY_ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

function manifestAfter(before: Commit | null): Manifest {
  return {
    format: "stele/1",
    origin: LOG_ORIGIN,
    index: before === null ? 0 : before.manifest.index + 1,
    previous: before === null ? null : Buffer.from(before.leaf).toString("base64"),
    sealed: parseTimestamp("2026-01-02T00:00:00.000Z"),
    segment: null,
    entries: { first: 0, count: 0, root: EMPTY_ROOT, chain: Buffer.from(chainStart(LOG_ORIGIN)).toString("base64") },
    appends: [],
    retention: { mode: "COMPLIANCE", until: parseTimestamp("2027-01-02T00:00:00.000Z") },
    writer: { id: "test", version: "0" },
  };
}

/** A log of `count` such manifests, made by hand. */
export async function heartbeats(count: number): Promise<Heartbeat[]> {
  const log: Heartbeat[] = [];
  let before: Commit | null = null;
  for (let i = 0; i < count; i++) {
    const beat = await sign(manifestAfter(before), before === null ? CompactRange.empty : before.after);
    log.push(beat);
    before = beat.commit;
  }
  return log;
}

/** One such manifest, far along in a log whose other manifests nobody has. */
export function heartbeatAt(index: number): Promise<Heartbeat> {
  const nodes = Array.from(index.toString(2).replaceAll("0", "")).map((_, i) => new Uint8Array(32).fill(i));
  const previous = index === 0 ? null : Buffer.alloc(32, 1).toString("base64");
  return sign({ ...manifestAfter(null), index, previous }, CompactRange.of(index, nodes));
}

export function beatKey(index: number, attempt = 0): string {
  return `${LOG}/manifests/${String(index).padStart(16, "0")}${attempt === 0 ? "" : `.${attempt}`}.ndjson`;
}

async function sign(manifest: Manifest, before: CompactRange): Promise<Heartbeat> {
  const signer = OWNER.rename(LOG_ORIGIN);
  const bytes = await signCommit(manifest, before, signer);
  return { bytes, commit: openCommit(bytes, LOG_ORIGIN, [signer.key]).commit };
}
