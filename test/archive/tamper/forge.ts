import { createHash } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import { toBase64 } from "../../../src/core/bytes.ts";
import { extendChain } from "../../../src/core/chain.ts";
import { signCheckpoint } from "../../../src/core/checkpoint.ts";
import { type Commit, encodeCommit, openCommit } from "../../../src/core/commit.ts";
import type { CompactRange } from "../../../src/core/compact-range.ts";
import { entryEnds, entryLeaves } from "../../../src/core/entries.ts";
import type { Signer } from "../../../src/core/key.ts";
import { logKey, manifestKey, segmentKey } from "../../../src/core/layout.ts";
import { encodeManifest, type Manifest, manifestLeaf } from "../../../src/core/manifest.ts";
import { timestamp } from "../../../src/core/time.ts";
import { merkleRoot } from "../../../src/core/tree.ts";
import { LOG, LOG_ORIGIN, OWNER, rawOf } from "../fixture.ts";
import type { Scene } from "./scene.ts";

/** What is untrue about a manifest that someone with the key makes; nothing by default. */
export interface Untruth {
  /** Changes the honest manifest before it is signed. */
  readonly manifest?: (honest: Manifest) => Manifest;
  /** Signs for another tree than the manifest's own. */
  readonly before?: CompactRange;
  /** Default: the log's own key. */
  readonly signer?: Signer;
  readonly lines?: readonly string[];
  /** The stored object in place of the honest one zstd frame. */
  readonly stored?: (raw: Uint8Array) => Uint8Array;
  /** Of the manifest's key. */
  readonly attempt?: number;
  /** Of the segment's key. */
  readonly segmentAttempt?: number;
  /** No segment: a manifest that only says that nothing came. */
  readonly heartbeat?: boolean;
}

export interface Forged {
  readonly key: string;
  readonly segmentKey: string;
  /** What the signature stands for, to go on after. */
  readonly commit: Commit;
}

/** Puts a segment and a manifest after `head`, made by hand as docs/FORMAT.md says, but for the untruth. */
export async function forgeNext(scene: Scene, head: Commit, untruth: Untruth = {}): Promise<Forged> {
  const { place, retention } = scene;
  const raw = rawOf(untruth.lines ?? ["forged line"]);
  const stored = untruth.stored?.(raw) ?? zstdCompressSync(raw);
  const first = head.manifest.entries.first + head.manifest.entries.count;
  const relative = segmentKey(timestamp(place.now()).slice(0, 10), first, untruth.segmentAttempt);
  const honest = untruth.heartbeat ? idle(scene, head) : busy(scene, head, { raw, stored, relative });
  if (honest.segment !== null) {
    const versionId = await place.put(logKey(LOG, relative), stored, retention);
    honest.segment = { ...honest.segment, versionId };
  }
  const manifest = untruth.manifest?.(honest) ?? honest;
  const signer = (untruth.signer ?? OWNER).rename(manifest.origin);
  const bytes = await signCommit(manifest, untruth.before ?? head.after, signer);
  const key = logKey(LOG, manifestKey(manifest.index, untruth.attempt));
  await place.put(key, bytes, retention);
  return { key, segmentKey: logKey(LOG, relative), commit: openCommit(bytes, manifest.origin, [signer.key]).commit };
}

/** The bytes of a manifest object, validly signed, whatever the manifest says. */
export async function signCommit(manifest: Manifest, before: CompactRange, signer: Signer): Promise<Uint8Array> {
  const after = before.append(manifestLeaf(encodeManifest(manifest)));
  const checkpoint = { origin: manifest.origin, size: after.size, root: after.root() };
  return encodeCommit(manifest, before, await signCheckpoint(checkpoint, [signer.rename(manifest.origin)]));
}

type Draft = { -readonly [K in keyof Manifest]: Manifest[K] };

/** The manifest that says that nothing came since `head`. */
export function idle(scene: Pick<Scene, "place" | "retention">, { manifest, leaf }: Pick<Commit, "manifest" | "leaf">): Draft {
  const { first, count, chain } = manifest.entries;
  return {
    format: "stele/1",
    origin: LOG_ORIGIN,
    index: manifest.index + 1,
    previous: toBase64(leaf),
    sealed: timestamp(scene.place.now()),
    segment: null,
    entries: { first: first + count, count: 0, root: toBase64(merkleRoot(new Uint8Array(0))), chain },
    appends: [],
    retention: scene.retention,
    writer: { id: "forger", version: "0" },
  };
}

function busy(
  scene: Scene,
  head: Commit,
  { raw, stored, relative }: { readonly raw: Uint8Array; readonly stored: Uint8Array; readonly relative: string },
): Draft {
  const draft = idle(scene, head);
  const ends = entryEnds(raw);
  const leaves = entryLeaves(raw, ends);
  const { first } = draft.entries;
  const count = ends.length;
  const before = Uint8Array.from(Buffer.from(draft.entries.chain, "base64"));
  return {
    ...draft,
    segment: {
      key: relative,
      versionId: null,
      encoding: "zstd",
      bytes: stored.length,
      sha256: createHash("sha256").update(stored).digest("base64"),
      rawBytes: raw.length,
    },
    entries: { first, count, root: toBase64(merkleRoot(leaves)), chain: toBase64(extendChain(before, leaves)) },
    appends: [{ first, count, time: timestamp(scene.place.now()), source: "forger" }],
  };
}
