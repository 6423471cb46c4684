import { describe, expect, it } from "vitest";
import { utf8 } from "../../src/core/bytes.ts";
import { type Manifest, parseManifest } from "../../src/core/manifest.ts";
import { HASH_A, HASH_B, HASH_C, HASH_D, heartbeatLine, line, manifest, MANIFEST_LINE } from "./manifests.ts";
import { refusal } from "./refusal.ts";

const parse = (text: string): Manifest => parseManifest(utf8(text));

describe("parseManifest refuses a wrong value:", () => {
  const fields: readonly string[] = [
    "format",
    "origin",
    "index",
    "previous",
    "sealed",
    "segment",
    "entries",
    "appends",
    "retention",
    "writer",
  ];
  const nested: ReadonlyArray<readonly [keyof Manifest, string]> = [
    ...["key", "versionId", "encoding", "bytes", "sha256", "rawBytes"].map((key) => ["segment", key] as const),
    ...["first", "count", "root", "chain"].map((key) => ["entries", key] as const),
    ...["mode", "until"].map((key) => ["retention", key] as const),
    ...["id", "version"].map((key) => ["writer", key] as const),
  ];
  const without = (object: unknown, key: string): unknown =>
    typeof object === "object" && object !== null
      ? Object.fromEntries(Object.entries(object).filter(([name]) => name !== key))
      : object;

  it.each(fields)("no %s", (field) => {
    expect(refusal(() => parse(JSON.stringify(without(manifest, field))))).toBe("format.manifest");
  });

  it.each(nested)("no %s.%s", (outer, inner) => {
    expect(refusal(() => parse(JSON.stringify({ ...manifest, [outer]: without(manifest[outer], inner) })))).toBe(
      "format.manifest",
    );
  });

  it.each(["first", "count", "time", "source"])("no appends.%s", (field) => {
    const appends = manifest.appends.map((append) => without(append, field));
    expect(refusal(() => parse(JSON.stringify({ ...manifest, appends })))).toBe("format.manifest");
  });

  it.each(
    ["2^53", "2^53 + 1", "1e400", "negative", "a fraction", "null", "a boolean", "a string"].flatMap((what, i) => {
      const value = ["9007199254740992", "9007199254740993", "1e400", "-1", "42.5", "null", "true", '"42"'][i] ?? "";
      return (["index", "bytes", "rawBytes"] as const).map((field) => [field, what, value] as const);
    }),
  )("%s %s", (field, _what, value) => {
    const current = { index: '"index":42', bytes: '"bytes":181223', rawBytes: '"rawBytes":1837221' }[field];
    expect(refusal(() => parse(line(current, `"${field}":${value}`)))).toBe("format.manifest");
  });

  const HASHES = [HASH_A, HASH_B, HASH_C, HASH_D];
  it.each(HASHES)("the hash %s in another spelling or length", (hash) => {
    const wrong = [
      "",
      hash.slice(0, -1),
      `${hash}=`,
      hash.slice(4),
      `AAAA${hash}`,
      hash.toLowerCase(),
      hash.replace(/.=$/, "B="),
      hash.replace(/.=$/, "C="),
      ` ${hash}`,
      `${hash} `,
      hash.replace("+", "-"),
      hash.replace("/", "_"),
      Buffer.alloc(31).toString("base64"),
      Buffer.alloc(33).toString("base64"),
      Buffer.from(hash, "base64").toString("hex"),
    ].filter((other) => other !== hash && !/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(other));
    expect(wrong.length).toBeGreaterThan(8);
    for (const other of wrong)
      expect([other, refusal(() => parse(line(`"${hash}"`, JSON.stringify(other))))]).toEqual([other, "format.manifest"]);
  });

  it.each([
    "2026-11-23T15:00:02Z",
    "2026-11-23T15:00:02.5Z",
    "2026-11-23T15:00:02.500+00:00",
    "2026-02-30T00:00:00.000Z",
    "",
    "2026-11-23",
    "0",
  ])("the time %j", (text) => {
    for (const field of ["sealed", "until"] as const) {
      const current = { sealed: '"sealed":"2026-11-23T15:00:02.500Z"', until: '"until":"2033-11-23T15:00:03.000Z"' }[field];
      expect(refusal(() => parse(line(current, `"${field}":${JSON.stringify(text)}`)))).toBe("format.manifest");
    }
    expect(refusal(() => parse(line('"time":"2026-11-23T15:00:01.123Z"', `"time":${JSON.stringify(text)}`)))).toBe(
      "format.manifest",
    );
  });

  it.each([
    ["another format", line("stele/1", "stele/2")],
    ["an empty origin", line('"audit.example.org/prod"', '""')],
    ["an origin with a space", line("audit.example.org/prod", "audit example.org")],
    ["an origin with a plus", line("audit.example.org/prod", "audit+example.org")],
    ["an origin with a line feed", line("audit.example.org/prod", "audit\\nexample.org")],
    ["index 0 with a previous", line('"index":42', '"index":0')],
    ["no previous at index 42", line(`"previous":"${HASH_A}"`, '"previous":null')],
    ["another encoding", line('"encoding":"zstd"', '"encoding":"gzip"')],
    ["an empty segment object", line('"bytes":181223', '"bytes":0')],
    ["fewer bytes than line feeds", line('"rawBytes":1837221', '"rawBytes":1449')],
    ["a segment key outside of segments/", line('"segments/dt=', '"../segments/dt=')],
    ["an absolute segment key", line('"segments/dt=', '"/segments/dt=')],
    ["a segment key of another first entry", line("0000000000061234", "0000000000061235")],
    ["a mode that is none", line('"mode":"COMPLIANCE"', '"mode":"compliance"')],
    ["no entries in a segment", line('"count":1450,"root"', '"count":0,"root"')],
    ["more entries than appends", line('"count":1450,"root"', '"count":1451,"root"')],
    ["fewer entries than appends", line('"count":1450,"root"', '"count":1449,"root"')],
    ["appends that begin late", line('{"first":61234,"count":400', '{"first":61235,"count":399')],
    ["appends that overlap", line('{"first":61634,"count":1050', '{"first":61633,"count":1051')],
    ["appends with a gap", line('{"first":61634,"count":1050', '{"first":61635,"count":1049')],
    [
      "an append of nothing",
      line('{"first":61634,', '{"first":61634,"count":0,"time":"2026-11-23T15:00:01.123Z","source":"x"},{"first":61634,'),
    ],
    ["indexes that reach 2^53", MANIFEST_LINE.replaceAll("61234", String(2 ** 53 - 1450))],
    ["a verifier key that is none", line('"version":"0.1.0"}}', '"version":"0.1.0"},"keys":{"add":["a+b+c"],"retire":[]}}')],
    ["a source of 1,025 letters", line("k8s/prod-eu", "x".repeat(1025))],
    ["a heartbeat with entries", heartbeatLine('"count":0', '"count":1')],
    [
      "a heartbeat with appends",
      heartbeatLine('"appends":[]', '"appends":[{"first":61234,"count":1,"time":"2026-11-23T15:00:01.123Z","source":""}]'),
    ],
    ["a heartbeat without the word segment", heartbeatLine('"segment":null,', "")],
  ])("%s", (_what, text) => {
    expect(refusal(() => parse(text))).toBe("format.manifest");
  });
});
