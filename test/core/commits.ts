import { utf8 } from "../../src/core/bytes.ts";
import { signCheckpoint } from "../../src/core/checkpoint.ts";
import { encodeCommit, openCommit } from "../../src/core/commit.ts";
import { CompactRange } from "../../src/core/compact-range.ts";
import { type Signer, signerFromSeed } from "../../src/core/key.ts";
import { encodeManifest, type Manifest, manifestLeaf } from "../../src/core/manifest.ts";
import { heartbeat, manifest } from "./manifests.ts";
import { MTH, packedLeaves } from "./reference-tree.ts";

export const ORIGIN: string = manifest.origin;
export const signer: Signer = signerFromSeed(ORIGIN, new Uint8Array(32).fill(5));
/** A log's second key, and a stranger's. */
export const otherSigner: Signer = signerFromSeed(ORIGIN, new Uint8Array(32).fill(6));

/** One manifest object of a log, by hand: nothing is shared with the writer. */
export interface CommittedManifest {
  readonly manifest: Manifest;
  readonly line: Uint8Array;
  readonly before: CompactRange;
  readonly bytes: Uint8Array;
}

/** The entries of manifest `index` of {@link commits}. */
export function entriesOf(index: number): Uint8Array[] {
  return Array.from({ length: index % 8 }, (_, i) => utf8(`{"manifest":${index},"entry":${i}}`));
}

/** A log of `count` manifests with 0 to 7 entries each. Their chain values are made up: no commit checks them. */
export async function commits(count: number, by: readonly Signer[] = [signer]): Promise<CommittedManifest[]> {
  const log: CommittedManifest[] = [];
  let range = CompactRange.empty;
  let previous: string | null = null;
  let first = 0;
  for (let index = 0; index < count; index++) {
    const entries = entriesOf(index);
    const value: Manifest = {
      ...heartbeat,
      index,
      previous,
      segment:
        entries.length === 0 || manifest.segment === null
          ? null
          : { ...manifest.segment, key: `segments/dt=2026-11-23/${String(first).padStart(16, "0")}.ndjson.zst` },
      entries: {
        first,
        count: entries.length,
        root: Buffer.from(MTH(entries)).toString("base64"),
        chain: manifest.entries.chain,
      },
      appends: entries.length === 0 ? [] : [{ first, count: entries.length, time: manifest.sealed, source: "test" }],
    };
    const line = encodeManifest(value);
    const leaf = manifestLeaf(line);
    const after = range.append(leaf);
    const checkpoint = await signCheckpoint({ origin: ORIGIN, size: after.size, root: after.root() }, by);
    log.push({ manifest: value, line, before: range, bytes: encodeCommit(value, range, checkpoint) });
    previous = Buffer.from(leaf).toString("base64");
    first += entries.length;
    range = after;
  }
  return log;
}

/** The log's manifest lines, packed as leaf hashes. */
export function manifestLeaves(log: readonly CommittedManifest[]): Uint8Array<ArrayBuffer> {
  return packedLeaves(log.map(({ line }) => line));
}

/** The last of {@link commits}, read. */
export function opened(log: readonly CommittedManifest[], index: number): ReturnType<typeof openCommit>["commit"] {
  const bytes = log[index]?.bytes;
  if (bytes === undefined) throw new RangeError(`no manifest ${index}`);
  return openCommit(bytes, ORIGIN, [signer.key]).commit;
}
