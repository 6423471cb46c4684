import { expect, test } from "vitest";
import { openStore, parseStoreLocation } from "../../src/store/open.ts";

test.each([
  ["s3://bucket", { kind: "s3", bucket: "bucket", prefix: "" }],
  ["s3://bucket/", { kind: "s3", bucket: "bucket", prefix: "" }],
  ["s3://bucket/a/b", { kind: "s3", bucket: "bucket", prefix: "a/b" }],
  ["s3://bucket/a/b/", { kind: "s3", bucket: "bucket", prefix: "a/b" }],
  ["archive", { kind: "directory", path: "archive" }],
  ["/srv/archive", { kind: "directory", path: "/srv/archive" }],
  ["./a:b", { kind: "directory", path: "./a:b" }],
  ["file:archive", { kind: "directory", path: "archive" }],
  ["file:/srv/archive", { kind: "directory", path: "/srv/archive" }],
  ["file:///srv/my%20archive", { kind: "directory", path: "/srv/my archive" }],
])("reads %s", (location, expected) => {
  expect(parseStoreLocation(location)).toEqual(expected);
});

test.each([
  "",
  "s3://",
  "s3:///prefix",
  "s3:bucket",
  "S3:/bucket",
  "file:",
  "https://bucket.example",
  "gs://bucket",
  "file://host/x",
])("refuses %j", (location) => {
  expect(() => parseStoreLocation(location)).toThrow(expect.objectContaining({ code: "input.invalid" }));
});

test("an S3 prefix with an empty part is refused before anything is sent", async () => {
  await expect(openStore("s3://bucket/a//b")).rejects.toMatchObject({ code: "input.invalid" });
});
