import { createHash } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { isSteleError } from "../../src/core/error.ts";
import type { Retention } from "../../src/core/retention.ts";
import { parseTimestamp } from "../../src/core/time.ts";
import type { S3StoreOptions } from "../../src/store/s3/open.ts";
import { type ScriptedAnswer, type ScriptedS3, type SeenRequest, scriptedS3, xmlError } from "./scripted-s3.ts";

const BODY = new TextEncoder().encode("an event\n");
// sha256sum and md5sum of the line above, in base64.
const SHA256 = "qtiCLKL0RB3azg9sIvDjr4Ipz0Kw53a0Kpk1e1iuTzk=";
const MD5 = "/rOdseGioVyDA230v4zYdA==";
const RETENTION: Retention = { mode: "COMPLIANCE", until: parseTimestamp("2033-11-23T00:00:00.000Z") };

let server: ScriptedS3 | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function put(
  answer: (request: SeenRequest, index: number) => ScriptedAnswer,
  options: Partial<S3StoreOptions> = {},
  times = 1,
): Promise<unknown[]> {
  server = await scriptedS3(answer);
  const store = server.open(options);
  const results: unknown[] = [];
  for (let i = 0; i < times; i++) {
    results.push(await store.putIfAbsent(`key-${i}`, BODY, { retention: RETENTION }).catch((error: unknown) => error));
  }
  return results;
}

function created(headers: Readonly<Record<string, string>> = {}): ScriptedAnswer {
  return { status: 200, headers: { "x-amz-version-id": "v1", ...headers } };
}

const likeAws = (): ScriptedAnswer => created({ etag: '"no-md5-at-all"', "x-amz-checksum-sha256": SHA256 });
const likeCeph = (): ScriptedAnswer => created({ etag: `"${Buffer.from(MD5, "base64").toString("hex")}"` });

test("the digests of this file are those of the body", () => {
  expect(createHash("sha256").update(BODY).digest("base64")).toBe(SHA256);
  expect(createHash("md5").update(BODY).digest("base64")).toBe(MD5);
});

describe("what goes out with a PUT", () => {
  test("condition, lock and checksum, and no trailer", async () => {
    expect(await put(likeAws)).toEqual([{ outcome: "created", versionId: "v1" }]);
    const [request] = server?.seen ?? [];
    expect(request?.headers).toMatchObject({
      "if-none-match": "*",
      "x-amz-object-lock-mode": "COMPLIANCE",
      "x-amz-object-lock-retain-until-date": "2033-11-23T00:00:00Z",
      "x-amz-checksum-sha256": SHA256,
      "content-md5": MD5,
      "content-length": String(BODY.length),
      "content-type": "application/octet-stream",
    });
    expect(request?.headers).not.toHaveProperty("x-amz-trailer");
    expect(request?.body).toEqual(Buffer.from(BODY));
  });

  test("fractions of a second make a lock longer, never shorter", async () => {
    server = await scriptedS3(likeAws);
    const until = parseTimestamp("2033-11-23T00:00:00.001Z");
    await server.open().putIfAbsent("key", BODY, { retention: { mode: "COMPLIANCE", until } });
    expect(server.seen[0]?.headers["x-amz-object-lock-retain-until-date"]).toBe("2033-11-23T00:00:01Z");
  });

  test.each([
    ["an echo of the SHA-256 settles on it", likeAws, { "x-amz-checksum-sha256": SHA256 }, "content-md5"],
    ["no echo settles on Content-MD5", likeCeph, { "content-md5": MD5 }, "x-amz-checksum-sha256"],
  ])("%s, without a further request", async (_, answer, present, absent) => {
    await put(answer, {}, 2);
    expect(server?.seen).toHaveLength(2);
    expect(server?.seen[1]?.headers).toMatchObject(present);
    expect(server?.seen[1]?.headers).not.toHaveProperty(absent);
  });

  test("a store that refuses the checksum's header is asked again with Content-MD5 alone", async () => {
    const answer = (request: SeenRequest) =>
      request.headers["x-amz-checksum-sha256"] === undefined ? likeCeph() : xmlError(501, "NotImplemented");
    expect(await put(answer, {}, 2)).toEqual([
      { outcome: "created", versionId: "v1" },
      { outcome: "created", versionId: "v1" },
    ]);
    expect(server?.seen).toHaveLength(3);
  });
});

describe("what the answer to a PUT means", () => {
  test("412: the key is taken, and the store is known to heed the condition", async () => {
    server = await scriptedS3(() => xmlError(412, "PreconditionFailed"));
    const store = server.open();
    expect(store.capabilities.conditionalPut).toBe(false);
    expect(await store.putIfAbsent("key", BODY, { retention: null })).toEqual({ outcome: "exists" });
    expect(store.capabilities.conditionalPut).toBe(true);
  });

  test("what the user says about the condition is not overruled", async () => {
    server = await scriptedS3(() => xmlError(412, "PreconditionFailed"));
    const store = server.open({ conditionalPut: false });
    await store.putIfAbsent("key", BODY, { retention: null });
    expect(store.capabilities.conditionalPut).toBe(false);
    expect(server.open({ conditionalPut: true }).capabilities.conditionalPut).toBe(true);
  });

  test("another SHA-256 in the answer: altered", async () => {
    const [error] = await put(() => created({ "x-amz-checksum-sha256": MD5 }));
    expect(isSteleError(error, "store.altered")).toBe(true);
  });

  test.each([
    ["the same bytes", Buffer.from(BODY), undefined],
    ["other bytes", Buffer.from("an Event\n"), "store.altered"],
    ["more bytes", Buffer.from("an event\n\n"), "store.altered"],
    ["fewer bytes", Buffer.from("an event"), "store.altered"],
  ] as const)("neither checksum nor MD5 in the answer: the version is read back (%s)", async (_, stored, code) => {
    const [result] = await put((request) =>
      request.method === "PUT" ? created({ etag: '"of-another-kind"' }) : { status: 200, body: stored },
    );
    expect(server?.seen.map(({ method }) => method)).toEqual(["PUT", "GET"]);
    expect(server?.seen[1]?.target).toContain("versionId=v1");
    if (code === undefined) expect(result).toEqual({ outcome: "created", versionId: "v1" });
    else expect(isSteleError(result, code)).toBe(true);
  });

  test.each([
    [409, "ConditionalRequestConflict", "store.unreachable"],
    [409, "OperationAborted", "store.unreachable"],
    [429, "TooManyRequests", "store.unreachable"],
    [500, "InternalError", "store.unreachable"],
    [503, "SlowDown", "store.unreachable"],
    [503, "ServiceUnavailable", "store.unreachable"],
    [400, "BadDigest", "store.unreachable"],
    [400, "RequestTimeout", "store.unreachable"],
    [403, "RequestTimeTooSkewed", "store.unreachable"],
    [403, "AccessDenied", "store.denied"],
    [403, "SignatureDoesNotMatch", "store.denied"],
    [400, "ExpiredToken", "store.denied"],
    [404, "NoSuchBucket", "store.unsupported"],
    [301, "PermanentRedirect", "store.unsupported"],
    [400, "EntityTooLarge", "store.unsupported"],
  ] as const)("%i %s: %s, and the PUT was sent exactly once", async (status, name, code) => {
    const [error] = await put(() => xmlError(status, name));
    expect(isSteleError(error, code)).toBe(true);
    expect(error).toHaveProperty("message", expect.stringContaining("put s3://bucket/key-0"));
    expect(error).toHaveProperty("cause", expect.any(Error));
    expect(server?.seen).toHaveLength(1);
  });

  test("no answer: unreachable, and the PUT was sent exactly once", async () => {
    const [error] = await put(() => "hang-up");
    expect(isSteleError(error, "store.unreachable")).toBe(true);
    expect(server?.seen).toHaveLength(1);
  });

  test("nobody there: unreachable", async () => {
    const closed = await scriptedS3(likeAws);
    await closed.close();
    await expect(closed.open().putIfAbsent("key", BODY, { retention: null })).rejects.toSatisfy((error) =>
      isSteleError(error, "store.unreachable"),
    );
  });

  test("an abort while waiting throws its reason", async () => {
    const stop = new AbortController();
    const reason = new Error("enough");
    server = await scriptedS3(() => {
      stop.abort(reason);
      return likeAws();
    });
    await expect(server.open().putIfAbsent("key", BODY, { retention: null, signal: stop.signal })).rejects.toBe(reason);
  });
});
