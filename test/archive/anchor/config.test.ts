import { expect, test } from "vitest";
import { anchorsConfigSchema } from "../../../src/archive/anchor/config.ts";
import { cosignerKey } from "../../../src/core/cosignature.ts";
import { OWNER } from "../fixture.ts";

const key = cosignerKey("witness.example/one", new Uint8Array(32).fill(1)).vkey;
const whole = {
  every: "1h",
  maxAge: "3h",
  quorum: 1,
  allowPrivate: ["10.0.0.0/8"],
  witnesses: [{ url: "http://10.0.0.1/submit", key }],
  timestamps: [
    { url: "https://tsa.example/tsr", ca: "root.pem" },
    { url: "https://tsa2.example", ca: "other.pem" },
  ],
  copies: ["s3://elsewhere", { store: "/mnt/copies", retention: "7y", mode: "GOVERNANCE" }],
};

test("a configuration of anchors is taken as it is, and may say nothing", () => {
  expect(anchorsConfigSchema.parse(whole)).toEqual(whole);
  expect(anchorsConfigSchema.parse({ every: "head" })).toEqual({ every: "head" });
  expect(anchorsConfigSchema.parse({})).toEqual({});
});

test.each([
  ["every", { every: "hourly" }],
  ["every", { every: 3600 }],
  ["maxAge", { maxAge: "0h" }],
  ["quorum", { quorum: 2 }],
  ["quorum", { quorum: 0 }],
  ["witnesses", { witnesses: [] }],
  ["witnesses.0.url", { witnesses: [{ url: "ftp://witness.example", key }] }],
  ["witnesses.0.url", { allowPrivate: [], witnesses: [{ url: "http://witness.example", key }] }],
  ["witnesses.0.url", { witnesses: [{ url: "https://user:secret@witness.example", key }] }],
  ["witnesses.0.key", { witnesses: [{ url: "https://witness.example", key: OWNER.key.vkey }] }],
  [
    "witnesses",
    {
      witnesses: [
        { url: "https://a.example", key },
        { url: "https://b.example", key },
      ],
    },
  ],
  ["timestamps.0.url", { timestamps: [{ url: "tsa.example" }] }],
  ["timestamps", { timestamps: [{ url: "https://tsa.example", ca: "root.pem" }, { url: "https://tsa2.example" }] }],
  ["copies.0.retention", { copies: [{ store: "s3://x", retention: "7 years" }] }],
  ["copies.0.mode", { copies: [{ store: "s3://x", mode: "GOVERNANCE" }] }],
  ["", { witness: [] }],
])("what is wrong with %s is said: %j", (path, change) => {
  const { success, error } = anchorsConfigSchema.safeParse({ ...whole, ...change });
  expect(success).toBe(false);
  expect(error?.issues.map((issue) => issue.path.join("."))).toContain(path);
});
