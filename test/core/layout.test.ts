import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  anchorKey,
  anchorKeyPrefix,
  checkpointCopyKey,
  logKey,
  logOrigin,
  manifestKey,
  manifestKeyPrefix,
  parseAnchorKey,
  parseCheckpointCopyKey,
  parseLogName,
  parseManifestKey,
  parseOrigin,
  parseSegmentKey,
  segmentKey,
  splitLogKey,
  tileKey,
} from "../../src/core/layout.ts";
import { refusal } from "./refusal.ts";

const indexes = fc.oneof(fc.nat(2000), fc.maxSafeNat());
const attempts = fc.nat(9999);
const logNames = fc
  .array(fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,10}$/), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join("/"))
  .filter(
    (name) => !name.includes("..") && !/(^|\/)(segments|manifests|tiles|keys|anchors|log\.json|archive\.json)(\/|$)/.test(name),
  );

describe("the name of a log", () => {
  it.each([
    "prod",
    "a",
    "0",
    "prod/eu",
    "prod/eu-1/k8s_audit.v2",
    "_access",
    "_sweeps",
    "a.b-c_d",
    "segments2",
    "prod/tiles.old",
    "a".repeat(200),
  ])("may be %s", (name) => {
    expect(parseLogName(name)).toBe(name);
  });

  it.each([
    "",
    "/",
    "/prod",
    "prod/",
    "prod//eu",
    ".",
    "..",
    "../prod",
    "prod/..",
    "prod/../eu",
    "a..b",
    "prod/.",
    ".hidden",
    "-a",
    "prod/-eu",
    "_",
    "__a",
    "prod/_eu",
    "Prod",
    "PROD",
    "prod eu",
    "prod\n",
    "prod\\eu",
    "prod%2feu",
    "prod:eu",
    "prod+eu",
    "prod*",
    "zürich",
    "ｐrod",
    "segments",
    "manifests",
    "tiles",
    "keys",
    "anchors",
    "prod/anchors",
    "log.json",
    "archive.json",
    "prod/segments",
    "segments/prod",
    "a/manifests/b",
    "prod/log.json",
    "a".repeat(201),
    "a\0b",
    "~",
    "$HOME",
  ])("is not %j", (name) => {
    expect(refusal(() => parseLogName(name))).toBe("input.invalid");
  });
});

describe("an origin", () => {
  it.each(["audit.example.org", "audit.example.org/prod", "audit.example.org/prod/eu-1", "localhost", "a"])(
    "may be %s",
    (origin) => {
      expect(parseOrigin(origin)).toBe(origin);
    },
  );

  it.each([
    "",
    "https://audit.example.org",
    "/prod",
    "audit.example.org/",
    "audit example.org",
    "audit+example.org",
    "audit.example.org\n",
    "zürich.example",
    "a\tb",
    "a\0",
    "a".repeat(256),
  ])("is not %j", (origin) => {
    expect(refusal(() => parseOrigin(origin))).toBe("input.invalid");
  });

  it("of a log is the archive's, and the log's name", () => {
    expect(logOrigin("audit.example.org", "prod/eu")).toBe("audit.example.org/prod/eu");
  });
});

describe("the key of a segment", () => {
  it.each([
    ["2026-11-23", 1234, 0, "segments/dt=2026-11-23/0000000000001234.ndjson.zst"],
    ["2026-11-23", 0, 2, "segments/dt=2026-11-23/0000000000000000.2.ndjson.zst"],
    ["9999-12-31", Number.MAX_SAFE_INTEGER, 0, "segments/dt=9999-12-31/9007199254740991.ndjson.zst"],
  ])("of day %s, entry %i, attempt %i is %s", (day, first, attempt, key) => {
    expect(segmentKey(day, first, attempt)).toBe(key);
    expect(parseSegmentKey(key)).toEqual({ day, first, attempt });
  });

  it("is read back as it was written, and sorts by its first entry", () => {
    fc.assert(
      fc.property(indexes, indexes, attempts, (first, other, attempt) => {
        expect(parseSegmentKey(segmentKey("2026-11-23", first, attempt))).toEqual({ day: "2026-11-23", first, attempt });
        expect(segmentKey("2026-11-23", first) < segmentKey("2026-11-23", other)).toBe(first < other);
      }),
    );
  });

  it.each([
    "",
    "segments/",
    "segments/dt=2026-11-23/1234.ndjson.zst",
    "segments/dt=2026-11-23/00000000000012345.ndjson.zst",
    "segments/dt=2026-11-23/0000000000001234.ndjson",
    "segments/dt=2026-11-23/0000000000001234.0.ndjson.zst",
    "segments/dt=2026-11-23/0000000000001234.01.ndjson.zst",
    "segments/dt=2026-11-23/0000000000001234.ndjson.zst\n",
    "segments/dt=2026-11-23/9007199254740992.ndjson.zst",
    "segments/2026-11-23/0000000000001234.ndjson.zst",
    "segments/dt=20261123/0000000000001234.ndjson.zst",
    "/segments/dt=2026-11-23/0000000000001234.ndjson.zst",
    "prod/segments/dt=2026-11-23/0000000000001234.ndjson.zst",
    "segments/dt=2026-11-23/../0000000000001234.ndjson.zst",
    "segments/dt=2026-11-23/+000000000001234.ndjson.zst",
    "segments/dt=2026-11-23/-000000000001234.ndjson.zst",
    "segments/dt=2026-11-23/٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠.ndjson.zst",
  ])("is not %j", (key) => {
    expect(parseSegmentKey(key)).toBe(null);
  });
});

describe("the key of a manifest", () => {
  it.each([
    [42, 0, "manifests/0000000000000042.ndjson"],
    [42, 1, "manifests/0000000000000042.1.ndjson"],
    [Number.MAX_SAFE_INTEGER, 0, "manifests/9007199254740991.ndjson"],
  ])("of index %i, attempt %i is %s", (index, attempt, key) => {
    expect(manifestKey(index, attempt)).toBe(key);
    expect(parseManifestKey(key)).toEqual({ index, attempt });
  });

  it("is read back as it was written, and begins with its index's prefix and no other's", () => {
    fc.assert(
      fc.property(indexes, indexes, attempts, (index, other, attempt) => {
        const key = manifestKey(index, attempt);
        expect(parseManifestKey(key)).toEqual({ index, attempt });
        expect(key.startsWith(manifestKeyPrefix(index))).toBe(true);
        expect(key.startsWith(manifestKeyPrefix(other))).toBe(index === other);
      }),
    );
  });

  it.each([
    "",
    "manifests/",
    "manifests/42.ndjson",
    "manifests/0000000000000042",
    "manifests/0000000000000042.0.ndjson",
    "manifests/0000000000000042.01.ndjson",
    "manifests/0000000000000042.ndjson.zst",
    "manifests/0000000000000042..ndjson",
    "manifests/0000000000000042.1.2.ndjson",
    "manifests/9999999999999999.ndjson",
    "manifests/0000000000000042.ndjson\n",
    "prod/manifests/0000000000000042.ndjson",
    "manifests/0000000000000042.12345.ndjson",
    "manifests/00000000000000 42.ndjson",
    "manifests/0x00000000000042.ndjson",
  ])("is not %j", (key) => {
    expect(parseManifestKey(key)).toBe(null);
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN])("is not made of index %d", (index) => {
    expect(refusal(() => manifestKey(index))).toBe("input.invalid");
    expect(refusal(() => segmentKey("2026-11-23", index))).toBe("input.invalid");
    expect(refusal(() => manifestKeyPrefix(index))).toBe("input.invalid");
  });
});

describe("a log's object in the store", () => {
  it("belongs to its log, whatever the log's name", () => {
    const relatives = fc.oneof(
      indexes.map((index) => manifestKey(index)),
      indexes.map((first) => segmentKey("2026-11-23", first)),
      indexes.map((index) => tileKey({ level: 0, index })),
      fc.constant("log.json"),
    );
    fc.assert(
      fc.property(logNames, relatives, (log, relative) => {
        expect(splitLogKey(logKey(parseLogName(log), relative))).toEqual({ log, relative });
      }),
    );
  });

  it("is told from what stands beside it", () => {
    for (const key of [
      "",
      "archive.json",
      "log.json",
      "prod",
      "prod/",
      "prod/other",
      "manifests/0000000000000042.ndjson",
      "Prod/log.json",
      "../prod/log.json",
      "prod//log.json",
      "prod/log.json/x",
      "prod/logxjson",
    ]) {
      expect([key, splitLogKey(key)]).toEqual([key, null]);
    }
    expect(splitLogKey("prod/tiles/0/000\n/x")).toEqual({ log: "prod", relative: "tiles/0/000\n/x" });
    expect(splitLogKey("prod/manifests/junk/log.json")).toEqual({ log: "prod", relative: "manifests/junk/log.json" });
  });

  it("at tiles is C2SP's path", () => {
    expect(tileKey({ level: 0, index: 1_234_067 })).toBe("tiles/0/x001/x234/067");
  });
});

describe("the key of an anchor", () => {
  const ID = "5b1c0a9f3d2e4c67";

  it("counts down, so that the newest is listed first", () => {
    expect(anchorKey("witness", 42, ID)).toBe(`anchors/witness/9007199254740949.${ID}.note`);
    expect(anchorKey("timestamp", 0, ID)).toBe(`anchors/timestamp/9007199254740991.${ID}.json`);
    fc.assert(
      fc.property(indexes, indexes, (a, b) => {
        fc.pre(a !== b);
        expect(anchorKey("witness", a, ID) < anchorKey("witness", b, ID)).toBe(a > b);
      }),
    );
  });

  it("comes back, under its prefix, and lies in its log", () => {
    fc.assert(
      fc.property(fc.constantFrom("witness" as const, "timestamp" as const), indexes, logNames, (kind, size, log) => {
        const key = anchorKey(kind, size, ID);
        expect(parseAnchorKey(key)).toEqual({ kind, size, id: ID });
        expect(key.startsWith(anchorKeyPrefix(kind))).toBe(true);
        expect(key.startsWith(anchorKeyPrefix(kind, size))).toBe(true);
        expect(splitLogKey(logKey(log, key))).toEqual({ log, relative: key });
      }),
    );
  });

  it.each([
    ["another kind", `anchors/copy/9007199254740949.${ID}.note`],
    ["another ending", `anchors/witness/9007199254740949.${ID}.json`],
    ["too few digits", `anchors/witness/7199254740949.${ID}.note`],
    ["a size below 0", `anchors/witness/9007199254740992.${ID}.note`],
    ["no id", "anchors/witness/9007199254740949.note"],
    ["an id in upper case", `anchors/witness/9007199254740949.${ID.toUpperCase()}.note`],
    ["more behind it", `anchors/witness/9007199254740949.${ID}.note/x`],
    ["a line feed", `anchors/witness/9007199254740949.${ID}.note\n`],
  ])("is not one with %s", (_what, key) => {
    expect(parseAnchorKey(key)).toBeNull();
  });

  it("of a copy is its log's own", () => {
    const key = checkpointCopyKey("audit.example.org/app", 42, ID);
    expect(key).toBe(`anchors/audit.example.org+app/9007199254740949.${ID}.note`);
    expect(parseCheckpointCopyKey(key, "audit.example.org/app")).toEqual({ size: 42, id: ID });
    expect(parseCheckpointCopyKey(key, "audit.example.org")).toBeNull();
    expect(parseCheckpointCopyKey(`${key}x`, "audit.example.org/app")).toBeNull();
  });
});
