import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, fromUtf8, toHex, utf8 } from "../../src/core/bytes.ts";
import { leafHash } from "../../src/core/hash.ts";
import { encodeManifest, type Manifest, manifestLeaf, MAX_MANIFEST_BYTES, parseManifest } from "../../src/core/manifest.ts";
import { anyManifest, heartbeat, heartbeatLine, line, manifest, MANIFEST_LINE, VKEY } from "./manifests.ts";
import { parseTimestamp } from "../../src/core/time.ts";
import { refusal } from "./refusal.ts";

const parse = (text: string): Manifest => parseManifest(utf8(text));
describe("a manifest's line", () => {
  it("is spelled as docs/FORMAT.md says, and is the leaf of the tree", () => {
    expect(fromUtf8(encodeManifest(manifest))).toBe(MANIFEST_LINE);
    expect(parse(MANIFEST_LINE)).toEqual(manifest);
    expect(toHex(manifestLeaf(utf8(MANIFEST_LINE)))).toBe(toHex(leafHash(utf8(MANIFEST_LINE))));
  });

  it("comes back from any manifest", () => {
    fc.assert(
      fc.property(anyManifest, (value) => {
        const bytes = encodeManifest(value);
        expect(parseManifest(bytes)).toEqual(value);
        expect(Buffer.from(encodeManifest(parseManifest(bytes))).equals(bytes)).toBe(true);
        expect(bytes).not.toContain(0x0a);
      }),
      { numRuns: 300 },
    );
  });

  it("may be a heartbeat, a rotation or the last", () => {
    for (const value of [
      heartbeat,
      { ...heartbeat, closed: true as const },
      { ...manifest, keys: { add: [VKEY], retire: [] } },
      { ...manifest, keys: { add: [VKEY], retire: [VKEY] }, closed: true as const },
    ]) {
      expect(parseManifest(encodeManifest(value))).toEqual(value);
    }
  });

  it("may promise the next one, behind the time of its sealing", () => {
    const nextBy = parseTimestamp("2026-11-23T16:00:02.500Z");
    const promising = '"sealed":"2026-11-23T15:00:02.500Z","nextBy":"2026-11-23T16:00:02.500Z",';
    expect(fromUtf8(encodeManifest({ ...manifest, nextBy }))).toBe(line('"sealed":"2026-11-23T15:00:02.500Z",', promising));
    expect(parse(line('"sealed":"2026-11-23T15:00:02.500Z",', promising))).toEqual({ ...manifest, nextBy });
    expect(parse(MANIFEST_LINE)).not.toHaveProperty("nextBy");
  });

  it("does not depend on the order in which a caller's object has its keys", () => {
    const { writer, entries, ...rest } = manifest;
    const shuffled = {
      writer: { version: writer.version, id: writer.id },
      ...rest,
      entries: { chain: entries.chain, root: entries.root, count: entries.count, first: entries.first },
    };
    expect(fromUtf8(encodeManifest(shuffled))).toBe(MANIFEST_LINE);
  });

  it("keeps text as it is, escaping no more than JSON must", () => {
    const source = 'é ✓ 🔑 " \\ / \u007f \u2028 \ufeff <&>';
    const value = { ...manifest, appends: [{ first: 61_234, count: 1450, time: manifest.sealed, source, id: "\t\u0001" }] };
    expect(fromUtf8(encodeManifest(value))).toContain('"source":"é ✓ 🔑 \\" \\\\ / \u007f \u2028 \ufeff <&>","id":"\\t\\u0001"');
    expect(parseManifest(encodeManifest(value))).toEqual(value);
  });

  it("is at most 65,535 bytes, which tlog-tiles' bundles can hold", () => {
    const long = (n: number): Manifest => ({
      ...manifest,
      appends: Array.from({ length: 1450 }, (_, i) => ({
        first: 61_234 + i,
        count: 1,
        time: manifest.sealed,
        source: i === 0 ? "x".repeat(n) : "",
      })),
    });
    expect(refusal(() => encodeManifest(long(1)))).toBe("format.manifest");
    expect(refusal(() => parseManifest(new Uint8Array(MAX_MANIFEST_BYTES + 1).fill(0x20)))).toBe("format.manifest");
  });
});

describe("parseManifest refuses another spelling:", () => {
  it.each([
    ["a line feed after", `${MANIFEST_LINE}\n`],
    ["a space before", ` ${MANIFEST_LINE}`],
    ["a byte order mark", `\ufeff${MANIFEST_LINE}`],
    ["a space after a colon", line('"index":42', '"index": 42')],
    ["a space after a comma", line('"index":42,', '"index":42, ')],
    ["a tab before a brace", line('{"first":61234,"count":1450,"root"', '{\t"first":61234,"count":1450,"root"')],
    ["a line feed inside", line('"index":42,', '"index":42,\n')],
    ["a CR inside", line('"index":42,', '"index":42,\r')],
    [
      "keys in another order",
      line('"format":"stele/1","origin":"audit.example.org/prod"', '"origin":"audit.example.org/prod","format":"stele/1"'),
    ],
    ["nested keys in another order", line('"id":"writer-1","version":"0.1.0"', '"version":"0.1.0","id":"writer-1"')],
    ["a key twice, the same", line('"index":42', '"index":42,"index":42')],
    ["a key twice, the first one wrong", line('"index":42', '"index":41,"index":42')],
    ["a nested key twice", line('"mode":"COMPLIANCE"', '"mode":"GOVERNANCE","mode":"COMPLIANCE"')],
    ["an unknown key", line('"index":42', '"index":42,"extra":1')],
    ["an unknown nested key", line('"mode":"COMPLIANCE"', '"mode":"COMPLIANCE","extra":1')],
    ["an unknown key of an append", line('"id":"7f3a"', '"id":"7f3a","extra":1')],
    ["an unknown key at the end", line('"version":"0.1.0"}}', '"version":"0.1.0"},"extra":null}')],
    ["__proto__", line('"index":42', '"index":42,"__proto__":{}')],
    ["__proto__ with a known key", line('"index":42', '"__proto__":{"index":42}')],
    ["constructor", line('"index":42', '"index":42,"constructor":{}')],
    ["an exponent", line('"rawBytes":1837221', '"rawBytes":1.837221e6')],
    ["a whole number with an exponent", line('"rawBytes":1837221', '"rawBytes":2e6')],
    ["a fraction of zero", line('"index":42', '"index":42.0')],
    ["a leading zero", line('"index":42', '"index":042')],
    ["a plus sign", line('"index":42', '"index":+42')],
    ["minus zero", heartbeatLine('"count":0', '"count":-0')],
    ["a number in quotes", line('"index":42', '"index":"42"')],
    ["a hexadecimal number", line('"index":42', '"index":0x2a')],
    ["an escaped letter", line("stele/1", "\\u0073tele/1")],
    ["an escaped slash", line("stele/1", "stele\\/1")],
    ["an escaped letter in a key", line('"index"', '"\\u0069ndex"')],
    ["an escaped é, which stands for itself", line("k8s/prod-eu", "\\u00e9")],
    ["an escaped line feed by number", line("k8s/prod-eu", "\\u000a")],
    ["an escaped solidus in a source", line("k8s/prod-eu", "k8s\\/prod-eu")],
    ["upper case in an escape", line("k8s/prod-eu", "\\u001F")],
    ["a lone surrogate, escaped", line("k8s/prod-eu", "\\ud800")],
    ["two lone surrogates in the wrong order", line("k8s/prod-eu", "\\udc00\\ud800")],
    ["an escaped pair of surrogates", line("k8s/prod-eu", "\\ud83d\\udd11")],
    ["a tab as it is", line("k8s/prod-eu", "a\tb")],
    ["single quotes", MANIFEST_LINE.replaceAll('"', "'")],
    ["a comma too many", line('"version":"0.1.0"}}', '"version":"0.1.0"},}')],
    ["a comment", line('"index":42', '"index":42/**/')],
    ["an array", `[${MANIFEST_LINE}]`],
    ["two objects", `${MANIFEST_LINE}${MANIFEST_LINE}`],
    ["a string", JSON.stringify(MANIFEST_LINE)],
    ["null", "null"],
    ["nothing", ""],
    ["a brace", "{"],
    ["an empty object", "{}"],
    ["half of it", MANIFEST_LINE.slice(0, 200)],
    ["an absent id written as null", line('"id":"7f3a"', '"id":null')],
    ["closed: false", line('"version":"0.1.0"}}', '"version":"0.1.0"},"closed":false}')],
    [
      "closed before keys",
      line('"version":"0.1.0"}}', `"version":"0.1.0"},"closed":true,"keys":{"add":["${VKEY}"],"retire":[]}}`),
    ],
    ["nextBy: null", line('"segment":{', '"nextBy":null,"segment":{')],
    ["nextBy before sealed", line('"sealed":', '"nextBy":"2026-11-23T16:00:02.500Z","sealed":')],
    ["nextBy after segment", line('"entries":{', '"nextBy":"2026-11-23T16:00:02.500Z","entries":{')],
    ["nextBy without milliseconds", line('"segment":{', '"nextBy":"2026-11-23T16:00:02Z","segment":{')],
    ["a promise for when it was sealed", line('"segment":{', '"nextBy":"2026-11-23T15:00:02.500Z","segment":{')],
    ["a promise for earlier", line('"segment":{', '"nextBy":"2026-11-23T15:00:02.499Z","segment":{')],
    [
      "a promise of the last one",
      line('"segment":{', '"nextBy":"2026-11-23T16:00:02.500Z","segment":{').replace('"0.1.0"}}', '"0.1.0"},"closed":true}'),
    ],
    ["keys: null", line('"version":"0.1.0"}}', '"version":"0.1.0"},"keys":null}')],
  ])("%s", (_what, text) => {
    expect(refusal(() => parse(text))).toBe("format.manifest");
  });

  it("bytes that are not UTF-8", () => {
    const bytes = utf8(MANIFEST_LINE);
    for (const wrong of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf]]) {
      const at = MANIFEST_LINE.indexOf("k8s/prod-eu");
      expect(refusal(() => parseManifest(concatBytes(bytes.slice(0, at), Uint8Array.from(wrong), bytes.slice(at))))).toBe(
        "format.manifest",
      );
    }
  });

  it("nesting without end, quickly", () => {
    for (const text of ["[".repeat(60_000), '{"a":'.repeat(10_000), line('"index":42', `"index":${"[".repeat(50_000)}`)]) {
      expect(refusal(() => parse(text))).toBe("format.manifest");
    }
  });

  it("any change of one character that is still a manifest only as its own one spelling", () => {
    fc.assert(
      fc.property(
        fc.nat(MANIFEST_LINE.length - 1),
        fc.constantFrom(...Array.from(' \n\t"0123456789azAZ+/=,:{}[]-.eE\\é')),
        fc.constantFrom("replace", "insert", "delete"),
        (at, letter, how) => {
          const text =
            MANIFEST_LINE.slice(0, at) + (how === "delete" ? "" : letter) + MANIFEST_LINE.slice(how === "insert" ? at : at + 1);
          try {
            expect(fromUtf8(encodeManifest(parse(text)))).toBe(text);
          } catch (error) {
            expect(error).toMatchObject({ code: "format.manifest" });
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
