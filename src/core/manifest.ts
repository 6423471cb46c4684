import { z } from "zod";
import { fromBase64, toBase64, utf8 } from "./bytes.ts";
import { base64Hash, counter, parseCanonical, text, time } from "./canonical-json.ts";
import { SteleError } from "./error.ts";
import { HASH_SIZE, leafHash } from "./hash.ts";
import { isKeyName, parseVerifierKey } from "./key.ts";
import { parseSegmentKey } from "./layout.ts";
import type { Retention } from "./retention.ts";
import type { Timestamp } from "./time.ts";

/** The value of `format` in everything that this version writes. */
export const FORMAT = "stele/1";

/** C2SP tlog-tiles' entry bundles give a leaf's length in 16 bits: a longer manifest could not be served to monitors. */
export const MAX_MANIFEST_BYTES = 65_535;

/** One delivery's, or one run of deliveries', provenance. */
export interface Append {
  readonly first: number;
  readonly count: number;
  /** When the first of them arrived, by the writer's clock. */
  readonly time: Timestamp;
  /** Who delivered, such as `k8s/prod-eu`. */
  readonly source: string;
  /** The delivery's idempotency key, where it had one. */
  readonly id?: string | undefined;
}

/** The stored object that holds a manifest's entries. */
export interface SegmentReference {
  /** Relative to the log's folder. */
  readonly key: string;
  /** null on a store without versions. */
  readonly versionId: string | null;
  readonly encoding: "zstd";
  /** Length of the stored object. */
  readonly bytes: number;
  /** Base64 of the SHA-256 of the stored object. */
  readonly sha256: string;
  /** Length after decompression: the entries, each with its line feed. */
  readonly rawBytes: number;
}

/** Line 1 of a manifest object: what the log commits to at one index of its manifest tree. */
export interface Manifest {
  readonly format: typeof FORMAT;
  readonly origin: string;
  readonly index: number;
  /** Base64 of the leaf hash of the manifest before; null at index 0. */
  readonly previous: string | null;
  /** When it was sealed, by the writer's clock. */
  readonly sealed: Timestamp;
  /** The writer's promise: the next manifest is sealed by then. Absent: it promises nothing. */
  readonly nextBy?: Timestamp | undefined;
  readonly segment: SegmentReference | null;
  readonly entries: {
    readonly first: number;
    readonly count: number;
    /** Base64 of the RFC 6962 Merkle Tree Hash of the entries. */
    readonly root: string;
    /** Base64 of the chain's value after the last entry. */
    readonly chain: string;
  };
  readonly appends: readonly Append[];
  readonly retention: Retention;
  readonly writer: { readonly id: string; readonly version: string };
  /** Key rotation, by vkey; holds from the next manifest on. */
  readonly keys?: { readonly add: readonly string[]; readonly retire: readonly string[] } | undefined;
  /** Present on a log's last manifest. */
  readonly closed?: true | undefined;
}

const MAX_PROVENANCE = 1024;

/** Whether `value` may stand as an append's source or id: at most 1,024 characters of well-formed Unicode. */
export function isProvenance(value: string): boolean {
  return value.length <= MAX_PROVENANCE && value.isWellFormed();
}

const vkey = text(512).refine(isVerifierKey, "expected a verifier key");

const schema: z.ZodType<Manifest> = z
  .strictObject({
    format: z.literal(FORMAT),
    origin: text(512).refine(isKeyName, "expected a log's origin"),
    index: counter,
    previous: base64Hash.nullable(),
    sealed: time,
    nextBy: time.optional(),
    segment: z
      .strictObject({
        key: text(256).refine((key) => parseSegmentKey(key) !== null, "expected a segment's key"),
        versionId: text(1024).nullable(),
        encoding: z.literal("zstd"),
        bytes: counter.min(1),
        sha256: base64Hash,
        rawBytes: counter.min(1),
      })
      .nullable(),
    entries: z.strictObject({ first: counter, count: counter, root: base64Hash, chain: base64Hash }),
    appends: z.array(
      z.strictObject({
        first: counter,
        count: counter.min(1),
        time,
        source: text(MAX_PROVENANCE),
        id: text(MAX_PROVENANCE).optional(),
      }),
    ),
    retention: z.strictObject({ mode: z.enum(["COMPLIANCE", "GOVERNANCE"]), until: time }),
    writer: z.strictObject({ id: text(256), version: text(64) }),
    keys: z.strictObject({ add: z.array(vkey).max(16), retire: z.array(vkey).max(16) }).optional(),
    closed: z.literal(true).optional(),
  })
  .superRefine((manifest, context) => {
    const problem = contradiction(manifest);
    if (problem !== null) context.addIssue({ code: "custom", message: problem });
  });

/**
 * The one line that stands for a manifest, without its line feed: the tree's entry.
 * @throws SteleError `format.manifest` when it would be longer than {@link MAX_MANIFEST_BYTES}
 */
export function encodeManifest(manifest: Manifest): Uint8Array<ArrayBuffer> {
  const line = utf8(spell(manifest));
  if (line.length > MAX_MANIFEST_BYTES) {
    throw new SteleError(
      "format.manifest",
      `manifest ${manifest.index}: expected at most ${MAX_MANIFEST_BYTES} bytes, got ${line.length}; seal earlier`,
    );
  }
  return line;
}

/** Reads a manifest from its line in its one spelling. @throws SteleError `format.manifest` */
export function parseManifest(line: Uint8Array): Manifest {
  if (line.length > MAX_MANIFEST_BYTES) {
    throw new SteleError("format.manifest", `manifest: expected at most ${MAX_MANIFEST_BYTES} bytes, got ${line.length}`);
  }
  return parseCanonical(line, schema, spell, "format.manifest", "manifest");
}

/** The manifest's leaf hash in the manifest tree. */
export function manifestLeaf(line: Uint8Array): Uint8Array {
  return leafHash(line);
}

// JSON.stringify leaves out what is undefined and keeps the order of keys written here.
function spell(m: Manifest): string {
  return JSON.stringify({
    format: m.format,
    origin: m.origin,
    index: m.index,
    previous: m.previous,
    sealed: m.sealed,
    nextBy: m.nextBy,
    segment: m.segment && {
      key: m.segment.key,
      versionId: m.segment.versionId,
      encoding: m.segment.encoding,
      bytes: m.segment.bytes,
      sha256: m.segment.sha256,
      rawBytes: m.segment.rawBytes,
    },
    entries: { first: m.entries.first, count: m.entries.count, root: m.entries.root, chain: m.entries.chain },
    appends: m.appends.map(({ first, count, time: arrived, source, id }) => ({ first, count, time: arrived, source, id })),
    retention: { mode: m.retention.mode, until: m.retention.until },
    writer: { id: m.writer.id, version: m.writer.version },
    keys: m.keys && { add: m.keys.add, retire: m.keys.retire },
    closed: m.closed,
  });
}

/** What a manifest says against itself, if it does. */
function contradiction(m: Manifest): string | null {
  if ((m.index === 0) !== (m.previous === null)) return "previous must be null at index 0, and only there";
  if (m.nextBy !== undefined && m.nextBy <= m.sealed) return "nextBy is not later than sealed";
  if (m.nextBy !== undefined && m.closed === true) return "nextBy promises another manifest after the last one";
  if ((m.segment === null) !== (m.entries.count === 0)) return "a segment goes with entries, and only with entries";
  if (!Number.isSafeInteger(m.entries.first + m.entries.count)) return "entries: indexes reach 2^53";
  if (m.segment !== null) {
    if (parseSegmentKey(m.segment.key)?.first !== m.entries.first) return "segment.key does not begin with entries.first";
    if (m.segment.rawBytes < m.entries.count) return "segment.rawBytes is less than a line feed an entry";
  }
  for (const hash of [m.previous, m.segment?.sha256, m.entries.root, m.entries.chain]) {
    if (hash !== null && hash !== undefined && !isCanonicalHash(hash)) return "a hash is not in canonical base64";
  }
  let next = m.entries.first;
  for (const append of m.appends) {
    if (append.first !== next) return `appends: expected one that begins at entry ${next}, got ${append.first}`;
    next += append.count;
  }
  if (next !== m.entries.first + m.entries.count) return `appends cover ${next - m.entries.first} entries of ${m.entries.count}`;
  return null;
}

function isCanonicalHash(hash: string): boolean {
  try {
    return toBase64(fromBase64(hash, "hash", HASH_SIZE)) === hash;
  } catch {
    return false;
  }
}

function isVerifierKey(value: string): boolean {
  try {
    parseVerifierKey(value);
    return true;
  } catch {
    return false;
  }
}
