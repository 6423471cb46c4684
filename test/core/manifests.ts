import { createHash } from "node:crypto";
import fc from "fast-check";
import { fromUtf8 } from "../../src/core/bytes.ts";
import { isKeyName } from "../../src/core/key.ts";
import { type Append, encodeManifest, type Manifest } from "../../src/core/manifest.ts";
import { parseTimestamp, type Timestamp, timestamp } from "../../src/core/time.ts";

const hash = (text: string): string => createHash("sha256").update(text).digest("base64");
export const HASH_A: string = hash("previous");
export const HASH_B: string = hash("object");
export const HASH_C: string = hash("root");
export const HASH_D: string = hash("chain");
/** The public key of Go's sumdb/note examples. */
export const VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

/** An ordinary manifest, and below it its line as docs/FORMAT.md spells it, written by hand. */
export const manifest: Manifest = {
  format: "stele/1",
  origin: "audit.example.org/prod",
  index: 42,
  previous: HASH_A,
  sealed: parseTimestamp("2026-11-23T15:00:02.500Z"),
  segment: {
    key: "segments/dt=2026-11-23/0000000000061234.ndjson.zst",
    versionId: "3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY",
    encoding: "zstd",
    bytes: 181_223,
    sha256: HASH_B,
    rawBytes: 1_837_221,
  },
  entries: { first: 61_234, count: 1450, root: HASH_C, chain: HASH_D },
  appends: [
    { first: 61_234, count: 400, time: parseTimestamp("2026-11-23T15:00:01.123Z"), source: "k8s/prod-eu", id: "7f3a" },
    { first: 61_634, count: 1050, time: parseTimestamp("2026-11-23T15:00:01.999Z"), source: "syslog" },
  ],
  retention: { mode: "COMPLIANCE", until: parseTimestamp("2033-11-23T15:00:03.000Z") },
  writer: { id: "writer-1", version: "0.1.0" },
};

export const MANIFEST_LINE: string =
  `{"format":"stele/1","origin":"audit.example.org/prod","index":42,"previous":"${HASH_A}","sealed":"2026-11-23T15:00:02.500Z",` +
  `"segment":{"key":"segments/dt=2026-11-23/0000000000061234.ndjson.zst","versionId":"3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY",` +
  `"encoding":"zstd","bytes":181223,"sha256":"${HASH_B}","rawBytes":1837221},` +
  `"entries":{"first":61234,"count":1450,"root":"${HASH_C}","chain":"${HASH_D}"},` +
  `"appends":[{"first":61234,"count":400,"time":"2026-11-23T15:00:01.123Z","source":"k8s/prod-eu","id":"7f3a"},` +
  `{"first":61634,"count":1050,"time":"2026-11-23T15:00:01.999Z","source":"syslog"}],` +
  `"retention":{"mode":"COMPLIANCE","until":"2033-11-23T15:00:03.000Z"},"writer":{"id":"writer-1","version":"0.1.0"}}`;

/** A manifest of a time in which nothing came. */
export const heartbeat: Manifest = { ...manifest, segment: null, entries: { ...manifest.entries, count: 0 }, appends: [] };

/** {@link MANIFEST_LINE} with one part replaced; the part must be there, once. */
export function line(from: string, to: string): string {
  return replaced(MANIFEST_LINE, from, to);
}

/** The heartbeat's line with one part replaced. */
export function heartbeatLine(from: string, to: string): string {
  return replaced(fromUtf8(encodeManifest(heartbeat)), from, to);
}

function replaced(whole: string, from: string, to: string): string {
  if (whole.split(from).length !== 2) throw new Error(`${from} stands not once in ${whole}`);
  return whole.replace(from, () => to);
}

const text = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.oneof(
      fc.constantFrom('"', "\\", "/", "\n", "\u0000", "\u007f", "\u2028", "é", "🔑"),
      fc.string({ minLength: 1, maxLength: 1 }),
    ),
    maxLength,
  });
const base64 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("base64"));
const times: fc.Arbitrary<Timestamp> = fc.integer({ min: 0, max: Date.UTC(9999, 0, 1) }).map(timestamp);
const origins = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter(isKeyName);
const delivery = fc.record(
  { count: fc.integer({ min: 1, max: 10_000 }), time: times, source: text(30) },
  { requiredKeys: ["count", "time", "source"] },
);
const deliveries = fc.array(fc.tuple(delivery, fc.option(text(20), { nil: undefined })), { maxLength: 6 });

function appendsFrom(
  first: number,
  list: readonly (readonly [{ count: number; time: Timestamp; source: string }, string | undefined])[],
): Append[] {
  let next = first;
  return list.map(([{ count, time, source }, id]) => {
    const append = { first: next, count, time, source, ...(id === undefined ? {} : { id }) };
    next += count;
    return append;
  });
}

/** Any manifest that says nothing against itself. */
export const anyManifest: fc.Arbitrary<Manifest> = fc
  .record({
    origin: origins,
    index: fc.oneof(fc.nat(3), fc.maxSafeNat()),
    sealed: times,
    hashes: fc.tuple(base64, base64, base64, base64),
    versionId: fc.option(text(30), { nil: null }),
    sizes: fc.tuple(
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      fc.integer({ min: 1_000_000, max: Number.MAX_SAFE_INTEGER }),
    ),
    first: fc.oneof(fc.nat(3), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 100_000 })),
    list: deliveries,
    retention: fc.record({ mode: fc.constantFrom("COMPLIANCE" as const, "GOVERNANCE" as const), until: times }),
    writer: fc.record({ id: text(20), version: text(10) }),
    keys: fc.option(fc.constantFrom({ add: [VKEY], retire: [] }, { add: [], retire: [VKEY] }, { add: [], retire: [] }), {
      nil: undefined,
    }),
    closed: fc.constantFrom(true as const, undefined),
    promised: fc.option(fc.integer({ min: 1, max: 10_000_000_000 }), { nil: undefined }),
  })
  .map(
    ({
      hashes: [previous, sha256, root, chain],
      sizes: [bytes, rawBytes],
      first,
      list,
      versionId,
      keys,
      closed,
      promised,
      index,
      ...rest
    }) => {
      const appends = appendsFrom(first, list);
      const count = appends.reduce((sum, append) => sum + append.count, 0);
      const key = `segments/dt=2026-11-23/${String(first).padStart(16, "0")}.ndjson.zst`;
      return {
        format: "stele/1",
        index,
        previous: index === 0 ? null : previous,
        segment: count === 0 ? null : { key, versionId, encoding: "zstd", bytes, sha256, rawBytes },
        entries: { first, count, root, chain },
        appends,
        ...rest,
        ...(keys === undefined ? {} : { keys }),
        ...(closed === undefined ? {} : { closed }),
        ...(promised === undefined || closed === true ? {} : { nextBy: timestamp(Date.parse(rest.sealed) + promised) }),
      };
    },
  );
