import { createHash } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import { isSteleError } from "../../src/core/error.ts";
import { type ScriptedAnswer, type ScriptedS3, type SeenRequest, scriptedS3, xmlError } from "./scripted-s3.ts";

const MIB = 1024 * 1024;
const PART = 16 * MIB;
const BODY = new Uint8Array(2 * PART + 5).map((_, i) => i * 11 + (i >> 12));

let server: ScriptedS3 | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

interface Script {
  readonly complete?: ScriptedAnswer | (() => ScriptedAnswer);
  readonly part?: (request: SeenRequest, index: number) => ScriptedAnswer;
}

async function upload(script: Script, signal?: AbortSignal, checksum: "auto" | "md5" = "auto"): Promise<unknown> {
  const part = (request: SeenRequest): ScriptedAnswer => {
    const digest = request.headers["x-amz-checksum-sha256"];
    return {
      status: 200,
      headers: { etag: '"part"', ...(typeof digest === "string" ? { "x-amz-checksum-sha256": digest } : {}) },
    };
  };
  server = await scriptedS3((request, index) => {
    const { method, target } = request;
    if (method === "PUT") return (script.part ?? part)(request, index);
    if (method === "DELETE") return { status: 204 };
    if (method === "GET") return { status: 200, body: Buffer.from(BODY) };
    const id = "<InitiateMultipartUploadResult><UploadId>up</UploadId></InitiateMultipartUploadResult>";
    if (target.includes("uploads")) return { status: 200, body: id };
    return typeof script.complete === "function" ? script.complete() : (script.complete ?? completed());
  });
  const store = server.open({ multipartThreshold: PART, checksum });
  return store.putIfAbsent("key", BODY, { retention: null, signal }).catch((error: unknown) => error);
}

function completed(checksum?: string): ScriptedAnswer {
  const element = checksum === undefined ? "" : `<ChecksumSHA256>${checksum}</ChecksumSHA256>`;
  const body = `<CompleteMultipartUploadResult><ETag>"x-3"</ETag>${element}</CompleteMultipartUploadResult>`;
  return { status: 200, headers: { "x-amz-version-id": "v1" }, body };
}

/** As S3 documents it: the digest of the parts' digests, and their number. */
function composite(): string {
  const digests = [BODY.subarray(0, PART), BODY.subarray(PART, 2 * PART), BODY.subarray(2 * PART)].map(sha256);
  return `${sha256(Buffer.concat(digests)).toString("base64")}-3`;
}

const methods = () => server?.seen.map(({ method }) => method).join(" ");
const completions = () => server?.seen.filter(({ method, target }) => method === "POST" && !target.includes("uploads")) ?? [];

test("S3's composite checksum proves the stored bytes; the completion carries the condition", async () => {
  expect(await upload({ complete: completed(composite()) })).toEqual({ outcome: "created", versionId: "v1" });
  expect(methods()).toBe("POST PUT PUT PUT POST");
  expect(completions()[0]?.headers["if-none-match"]).toBe("*");
  for (const { method, headers } of server?.seen ?? [])
    if (method === "PUT") expect(headers).toHaveProperty("x-amz-checksum-sha256");
});

test("without one the version is read back", async () => {
  expect(await upload({})).toEqual({ outcome: "created", versionId: "v1" });
  expect(methods()).toBe("POST PUT PUT PUT POST GET");
});

test("another composite checksum: altered", async () => {
  expect(isSteleError(await upload({ complete: completed(composite().replace("-3", "-2")) }), "store.altered")).toBe(true);
});

test("412 on the completion: exists, and the parts are removed", async () => {
  expect(await upload({ complete: xmlError(412, "PreconditionFailed") })).toEqual({ outcome: "exists" });
  expect(methods()).toBe("POST PUT PUT PUT POST DELETE");
});

test("409 on the completion: unreachable, the upload has to start anew", async () => {
  expect(isSteleError(await upload({ complete: xmlError(409, "ConditionalRequestConflict") }), "store.unreachable")).toBe(true);
  expect(completions()).toHaveLength(1);
  expect(server?.seen.at(-1)?.method).toBe("DELETE");
});

test.each([
  ["503", xmlError(503, "SlowDown")],
  ["an error within a 200", xmlError(200, "InternalError")],
  ["no answer", "hang-up"],
] as const)("%s on the completion: the same upload is completed again, and no second one is made", async (_, failure) => {
  let asked = 0;
  expect(await upload({ complete: () => (asked++ === 0 ? failure : completed(composite())) })).toEqual({
    outcome: "created",
    versionId: "v1",
  });
  expect(completions()).toHaveLength(2);
  expect(new Set(completions().map(({ target }) => target)).size).toBe(1);
  expect(server?.seen.filter(({ target }) => target.includes("uploads"))).toHaveLength(1);
});

test("a completion that keeps failing: unreachable, and the parts are removed", async () => {
  expect(isSteleError(await upload({ complete: () => xmlError(503, "SlowDown") }), "store.unreachable")).toBe(true);
  expect(server?.seen.at(-1)?.method).toBe("DELETE");
});

test("an upload that is gone when its completion is sent again: unreachable, not absent", async () => {
  let asked = 0;
  const complete = (): ScriptedAnswer => (asked++ === 0 ? "hang-up" : xmlError(404, "NoSuchUpload"));
  expect(isSteleError(await upload({ complete }), "store.unreachable")).toBe(true);
});

test("a completion sent again whose answer names no version, as Ceph's does: unreachable", async () => {
  let asked = 0;
  const body = '<CompleteMultipartUploadResult><ETag>"x-3"</ETag></CompleteMultipartUploadResult>';
  const complete = (): ScriptedAnswer => (asked++ === 0 ? "hang-up" : { status: 200, body });
  expect(isSteleError(await upload({ complete }), "store.unreachable")).toBe(true);
});

test("an abort throws its reason; the completion is not sent, and the parts are removed", async () => {
  const stop = new AbortController();
  const reason = new Error("enough");
  const part = (): ScriptedAnswer => {
    stop.abort(reason);
    return { status: 200, headers: { etag: '"part"' } };
  };
  expect(await upload({ part }, stop.signal)).toBe(reason);
  await expect.poll(() => server?.seen.at(-1)?.method).toBe("DELETE");
  expect(completions()).toHaveLength(0);
});

test("a store without SHA-256 gets the Content-MD5 of each part", async () => {
  await upload({}, undefined, "md5");
  const parts = server?.seen.filter(({ method }) => method === "PUT") ?? [];
  expect(parts).toHaveLength(3);
  for (const { headers, body } of parts) {
    expect(headers["content-md5"]).toBe(createHash("md5").update(body).digest("base64"));
    expect(headers).not.toHaveProperty("x-amz-checksum-sha256");
  }
});

test("a throttled part is sent again, since it makes no version", async () => {
  let refused = 0;
  const part = (): ScriptedAnswer => (refused++ === 0 ? xmlError(503, "SlowDown") : { status: 200, headers: { etag: '"part"' } });
  expect(await upload({ part })).toEqual({ outcome: "created", versionId: "v1" });
  expect(server?.seen.filter(({ method }) => method === "PUT")).toHaveLength(4);
});

test("a refused part ends the upload before its completion, and the parts are removed", async () => {
  expect(isSteleError(await upload({ part: () => xmlError(403, "AccessDenied") }), "store.denied")).toBe(true);
  expect(completions()).toHaveLength(0);
  expect(server?.seen.at(-1)?.method).toBe("DELETE");
});
