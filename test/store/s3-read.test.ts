import { afterEach, describe, expect, test } from "vitest";
import { type ErrorCode, isSteleError } from "../../src/core/error.ts";
import { parseTimestamp } from "../../src/core/time.ts";
import type { ObjectVersion, Store } from "../../src/store/port.ts";
import { type ScriptedAnswer, type ScriptedS3, type SeenRequest, scriptedS3, xmlError } from "./scripted-s3.ts";

let server: ScriptedS3 | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function storeThat(answer: (request: SeenRequest, index: number) => ScriptedAnswer): Promise<Store> {
  server = await scriptedS3(answer);
  return server.open();
}

const steleError = (code: ErrorCode) => (error: unknown) => isSteleError(error, code);

describe("get and head", () => {
  test.each([
    ["404 NoSuchKey", xmlError(404, "NoSuchKey")],
    ["404 NoSuchVersion", xmlError(404, "NoSuchVersion")],
    ["404 of a delete marker", xmlError(404, "NoSuchKey", { "x-amz-delete-marker": "true" })],
    ["405 of a delete marker's own version", xmlError(405, "MethodNotAllowed", { "x-amz-delete-marker": "true" })],
  ])("%s: not found", async (_, answer) => {
    const store = await storeThat(() => answer);
    await expect(store.get("key", { maxBytes: 10 })).rejects.toSatisfy(steleError("store.not-found"));
  });

  test("403: denied, not absent", async () => {
    const store = await storeThat(() => xmlError(403, "AccessDenied"));
    await expect(store.get("key", { maxBytes: 10 })).rejects.toSatisfy(steleError("store.denied"));
    await expect(store.head("key")).rejects.toSatisfy(steleError("store.denied"));
  });

  test("HEAD of a delete marker's version: null", async () => {
    const store = await storeThat(({ target }) =>
      target.includes("key") ? { status: 405, headers: { "x-amz-delete-marker": "true" } } : { status: 200 },
    );
    expect(await store.head("key", { versionId: "marker" })).toBeNull();
  });

  test("HEAD's 404 for a bucket that is not there is no absence", async () => {
    const store = await storeThat(() => ({ status: 404 }));
    await expect(store.head("key")).rejects.toSatisfy(steleError("store.unsupported"));
  });

  test("a throttled read is sent again", async () => {
    const store = await storeThat((_, index) => (index === 0 ? xmlError(503, "SlowDown") : { status: 200, body: "bytes" }));
    expect(Buffer.from((await store.get("key", { maxBytes: 10 })).body).toString()).toBe("bytes");
    expect(server?.seen).toHaveLength(2);
  });

  const hanging = (): ScriptedAnswer => ({ status: 200, headers: { "content-length": "10" }, body: "bytes" });

  test("a body that breaks off: unreachable", async () => {
    const store = await storeThat(hanging);
    setTimeout(() => void server?.close(), 100);
    await expect(store.get("key", { maxBytes: 10 })).rejects.toSatisfy(steleError("store.unreachable"));
  });

  test("a body that stops coming can be given up", async () => {
    const store = await storeThat(hanging);
    const stop = new AbortController();
    const reason = new Error("enough");
    setTimeout(() => stop.abort(reason), 100);
    await expect(store.get("key", { maxBytes: 10, signal: stop.signal })).rejects.toBe(reason);
  });

  test("a longer object than asked for is not read at all", async () => {
    const store = await storeThat(hanging);
    await expect(store.get("key", { maxBytes: 9 })).rejects.toSatisfy(steleError("store.too-large"));
  });
});

describe("lockState", () => {
  const RETENTION = "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2033-11-23T00:00:00Z</RetainUntilDate></Retention>";
  const answers = (retention: ScriptedAnswer, hold: ScriptedAnswer) => (request: SeenRequest) =>
    request.target.includes("legal-hold") ? hold : retention;

  test("retention and hold", async () => {
    const store = await storeThat(
      answers({ status: 200, body: RETENTION }, { status: 200, body: "<LegalHold><Status>ON</Status></LegalHold>" }),
    );
    const until = parseTimestamp("2033-11-23T00:00:00.000Z");
    expect(await store.lockState("key")).toEqual({ retention: { mode: "COMPLIANCE", until }, legalHold: true });
  });

  test("none, as AWS says it", async () => {
    const none = xmlError(404, "NoSuchObjectLockConfiguration");
    const store = await storeThat(answers(none, none));
    expect(await store.lockState("key")).toEqual({ retention: null, legalHold: false });
  });

  test.each([
    ["retention", xmlError(403, "AccessDenied"), xmlError(404, "NoSuchObjectLockConfiguration"), "store.denied"],
    ["legal hold", { status: 200, body: RETENTION }, xmlError(403, "AccessDenied"), "store.denied"],
    ["version", xmlError(404, "NoSuchVersion"), xmlError(404, "NoSuchVersion"), "store.not-found"],
    [
      "content of the answer",
      { status: 200, body: "<Retention></Retention>" },
      xmlError(404, "NoSuchObjectLockConfiguration"),
      "store.unreachable",
    ],
  ] as const)("an unknown %s is never none", async (_, retention, hold, code) => {
    const store = await storeThat(answers(retention, hold));
    await expect(store.lockState("key")).rejects.toSatisfy(steleError(code));
  });

  test("400 InvalidRequest is none only when the bucket says that it has no Object Lock", async () => {
    const without = (configuration: ScriptedAnswer) => (request: SeenRequest) => {
      if (request.target.includes("object-lock")) return configuration;
      return request.method === "HEAD" ? ({ status: 200 } as const) : xmlError(400, "InvalidRequest");
    };
    const off = await storeThat(without(xmlError(404, "ObjectLockConfigurationNotFoundError")));
    expect(await off.lockState("key")).toEqual({ retention: null, legalHold: false });
    await server?.close();
    const hidden = await storeThat(without(xmlError(403, "AccessDenied")));
    await expect(hidden.lockState("key")).rejects.toSatisfy(steleError("store.denied"));
  });

  test("a refused extension is denied, unless the lock that is there is the reason", async () => {
    const until = parseTimestamp("2030-01-01T00:00:00.000Z");
    const refusing = (lock: ScriptedAnswer) => (request: SeenRequest) =>
      request.method === "PUT" ? xmlError(403, "AccessDenied") : lock;
    const longer = await storeThat(refusing({ status: 200, body: RETENTION }));
    await expect(longer.extendRetention("key", { mode: "COMPLIANCE", until })).rejects.toSatisfy(steleError("store.locked"));
    await server?.close();
    const none = await storeThat(refusing(xmlError(404, "NoSuchObjectLockConfiguration")));
    await expect(none.extendRetention("key", { mode: "COMPLIANCE", until })).rejects.toSatisfy(steleError("store.denied"));
  });
});

describe("versions", () => {
  const HEAD = "<ListVersionsResult><EncodingType>url</EncodingType>";
  const entry = (tag: string, key: string, id: string, second: number, latest: boolean, size: string) =>
    `<${tag}><Key>${key}</Key><VersionId>${id}</VersionId><IsLatest>${latest}</IsLatest>` +
    `<LastModified>2026-11-23T00:00:0${second}.000Z</LastModified>${size}</${tag}>`;
  const version = (key: string, id: string, second: number, latest = false) =>
    entry("Version", key, id, second, latest, "<Size>1</Size>");
  const marker = (key: string, id: string, second: number, latest = false) => entry("DeleteMarker", key, id, second, latest, "");
  const list = async (pages: readonly string[], after?: string): Promise<ObjectVersion[]> => {
    const store = await storeThat((_, index) => ({ status: 200, body: pages[index] ?? "" }));
    const versions: ObjectVersion[] = [];
    for await (const one of store.versions("", { after })) versions.push(one);
    return versions;
  };

  test("objects and delete markers are one list: by key, newest first, the store's order kept within a second", async () => {
    const listed = await list([
      `${HEAD}<IsTruncated>false</IsTruncated>` +
        `${version("a", "a3", 5)}${version("a", "a2", 5)}${version("a", "a1", 1)}${version("b", "b1", 1, true)}${version("c", "c1", 3)}${version("d", "d2", 4, true)}` +
        `${marker("a", "a4", 5, true)}${marker("a", "am", 2)}${marker("c", "c2", 3, true)}${marker("d", "d1", 4)}</ListVersionsResult>`,
    ]);
    expect(listed.map(({ versionId }) => versionId)).toEqual(["a4", "a3", "a2", "am", "a1", "b1", "c2", "c1", "d2", "d1"]);
    expect(listed.filter(({ kind }) => kind === "delete-marker").map(({ size }) => size)).toEqual([0, 0, 0, 0]);
  });

  test("a key may run on over the end of a page", async () => {
    const first = `${HEAD}<IsTruncated>true</IsTruncated><NextKeyMarker>a%2Bb+c</NextKeyMarker><NextVersionIdMarker>v2</NextVersionIdMarker>${version("a%2Bb+c", "v3", 3, true)}${marker("a%2Bb+c", "v2", 2)}</ListVersionsResult>`;
    const second = `${HEAD}<IsTruncated>false</IsTruncated>${version("a%2Bb+c", "v1", 1)}${marker("z", "z1", 0, true)}</ListVersionsResult>`;
    const listed = await list([first, second]);
    expect(listed.map(({ key, versionId }) => `${key} ${versionId}`)).toEqual(["a+b c v3", "a+b c v2", "a+b c v1", "z z1"]);
    const query = new URL(`http://x${server?.seen[1]?.target}`).searchParams;
    expect([query.get("key-marker"), query.get("version-id-marker")]).toEqual(["a+b c", "v2"]);
  });

  test("the key named by after does not come again, even from a store that begins with it", async () => {
    const page = `${HEAD}<IsTruncated>false</IsTruncated>${version("a", "a1", 1, true)}${version("b", "b1", 1, true)}</ListVersionsResult>`;
    expect((await list([page], "a")).map(({ key }) => key)).toEqual(["b"]);
  });

  test.each([
    ["an entry without a version id", `${HEAD}<Version><Key>a</Key><Size>1</Size></Version></ListVersionsResult>`],
    ["a truncated list without a marker", `${HEAD}<IsTruncated>true</IsTruncated></ListVersionsResult>`],
    ["no XML", "<html>please log in"],
  ])("%s: unreachable, not an empty list", async (_, page) => {
    await expect(list([page])).rejects.toSatisfy(steleError("store.unreachable"));
  });
});
