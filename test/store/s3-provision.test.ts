import { afterEach, expect, test } from "vitest";
import { type ErrorCode, isSteleError } from "../../src/core/error.ts";
import { provisionBucket } from "../../src/store/s3/provision.ts";
import { type ScriptedAnswer, type ScriptedS3, type SeenRequest, scriptedS3, xmlError } from "./scripted-s3.ts";

const LOCKED = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>";
const VERSIONED = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";

let server: ScriptedS3 | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function provision(answer: (request: SeenRequest) => ScriptedAnswer, region = "eu-central-1"): Promise<unknown> {
  server = await scriptedS3(answer);
  const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };
  const options = { bucket: "bucket", endpoint: server.endpoint, region, client: { credentials } };
  return provisionBucket(options).catch((error: unknown) => error);
}

const missingThen =
  (create: ScriptedAnswer) =>
  (request: SeenRequest): ScriptedAnswer => {
    if (request.method === "HEAD") return { status: 404 };
    if (request.method === "PUT") return create;
    return { status: 200, body: request.target.includes("versioning") ? VERSIONED : LOCKED };
  };

test.each([
  ["eu-central-1", "<LocationConstraint>eu-central-1</LocationConstraint>"],
  ["us-east-1", ""],
])("a bucket in %s is created with Object Lock and the right location", async (region, location) => {
  expect(await provision(missingThen({ status: 200 }), region)).toMatchObject({ bucket: "created", defaultRetention: null });
  const create = server?.seen.find(({ method }) => method === "PUT");
  expect(create?.headers["x-amz-bucket-object-lock-enabled"]).toBe("true");
  expect(create?.body.toString().includes("<LocationConstraint>")).toBe(location !== "");
  expect(create?.body.toString()).toContain(location);
});

test("a bucket that another run of ours has just made is found", async () => {
  expect(await provision(missingThen(xmlError(409, "BucketAlreadyOwnedByYou")))).toMatchObject({ bucket: "found" });
});

test.each([
  ["someone else's name", missingThen(xmlError(409, "BucketAlreadyExists")), "store.denied", /choose another/],
  ["an unknown region", missingThen(xmlError(400, "InvalidLocationConstraint")), "store.unsupported", /AWS_REGION/],
  ["no right to look", () => ({ status: 403 }), "store.denied", /403/],
  [
    "suspended versioning",
    ({ method, target }: SeenRequest): ScriptedAnswer => {
      if (method === "HEAD") return { status: 200 };
      const versioning = VERSIONED.replace("Enabled", "Suspended");
      return { status: 200, body: target.includes("versioning") ? versioning : LOCKED };
    },
    "store.unsupported",
    /versioning is Suspended.*put-bucket-versioning/,
  ],
] as const)("%s is refused, with what to do", async (_, answer, code: ErrorCode, message) => {
  const error = await provision(answer);
  expect(isSteleError(error, code)).toBe(true);
  expect(error).toHaveProperty("message", expect.stringMatching(message));
});
