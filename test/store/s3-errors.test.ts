import { afterEach, describe, expect, test } from "vitest";
import type { ErrorCode } from "../../src/core/error.ts";
import type { Store } from "../../src/store/port.ts";
import { type ScriptedAnswer, type ScriptedS3, scriptedS3, xmlError } from "./scripted-s3.ts";

const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };

let server: ScriptedS3 | undefined;
afterEach(() => server?.close());

async function storeThat(answer: ScriptedAnswer): Promise<Store> {
  server = await scriptedS3(() => answer);
  return server.open({ client: { maxAttempts: 1, credentials } });
}

const put = (store: Store): Promise<unknown> => store.putIfAbsent("key", new Uint8Array(3), { retention: null });

describe("who is refused is told what to do:", () => {
  test.each<[number, string, ErrorCode, string]>([
    [403, "AccessDenied", "store.denied", "check what these credentials may do with this bucket"],
    [403, "InvalidAccessKeyId", "store.denied", "check the credentials and the endpoint"],
    [403, "SignatureDoesNotMatch", "store.denied", "check the secret key"],
    [400, "ExpiredToken", "store.denied", "renew the credentials"],
    [400, "ExpiredTokenException", "store.denied", "renew the credentials"],
    [400, "TokenRefreshRequired", "store.denied", "renew the credentials"],
    [400, "InvalidToken", "store.denied", "check AWS_SESSION_TOKEN, or renew the credentials"],
    [403, "InvalidClientTokenId", "store.denied", "check the credentials and the endpoint"],
    [400, "RequestExpired", "store.denied", "renew the credentials, and check this machine's clock"],
    [
      403,
      "RequestTimeTooSkewed",
      "store.unreachable",
      "this machine's clock and the store's are too far apart: correct the clock",
    ],
  ])("%i %s: %s, %s", async (status, name, code, advice) => {
    const store = await storeThat(xmlError(status, name));
    const message = `HTTP ${status} ${name} (as scripted); ${advice}`;
    await expect(put(store)).rejects.toMatchObject({ code, message: `put s3://bucket/key: ${message}` });
    await expect(store.get("key", { maxBytes: 1 })).rejects.toMatchObject({ code, message: `get s3://bucket/key: ${message}` });
  });

  test.each([400, 401, 403])("a HEAD answered %i, which can't say why", async (status) => {
    const store = await storeThat({ status });
    await expect(store.head("key")).rejects.toMatchObject({
      code: "store.denied",
      message: expect.stringMatching(/the answer does not say why: check the credentials \(they may have expired\).*clock$/),
    });
  });
});

test.each([408, 429, 502, 504])("%i without an S3 code, as from a proxy on the way: unreachable", async (status) => {
  const store = await storeThat({ status, headers: { "content-type": "text/html" }, body: "<html>sorry</html>" });
  await expect(put(store)).rejects.toMatchObject({ code: "store.unreachable" });
});

test.each(["CredentialsProviderError", "TokenProviderError"])(
  "no credentials (%s): denied, and nothing is sent",
  async (name) => {
    server = await scriptedS3(() => ({ status: 200 }));
    const none = (): Promise<never> => Promise.reject(Object.assign(new Error("nothing found"), { name }));
    await expect(put(server.open({ client: { credentials: none } }))).rejects.toMatchObject({
      code: "store.denied",
      message: expect.stringMatching(/nothing found\); \S/),
    });
    expect(server.seen).toEqual([]);
  },
);

test("a clock that is wrong is made up for once the store has said the time", async () => {
  const dates: (string | string[] | undefined)[] = [];
  const hour = 3_600_000;
  server = await scriptedS3(({ headers }) => {
    dates.push(headers["x-amz-date"]);
    const date = new Date(Date.now() + hour).toUTCString();
    if (dates.length === 1) return xmlError(403, "RequestTimeTooSkewed", { date });
    return { status: 200, headers: { date, "x-amz-version-id": "v1", etag: '"5289df737df57326fcdd22597afb1fac"' } };
  });
  const store = server.open({ client: { credentials } });
  await expect(put(store)).rejects.toMatchObject({ code: "store.unreachable" });
  expect(await store.putIfAbsent("key", new Uint8Array([1, 2, 3]), { retention: null })).toMatchObject({ outcome: "created" });
  const [first, second] = dates.map((date) => Date.parse(String(date).replace(/^(....)(..)(..T..)(..)(..Z)$/, "$1-$2-$3:$4:$5")));
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(hour - 60_000);
});
