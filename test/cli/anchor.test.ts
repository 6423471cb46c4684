import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseVerifierKey, renameVerifierKey } from "../../src/core/key.ts";
import { TestAuthority } from "../archive/anchor/authority.ts";
import { TestWitness } from "../archive/anchor/witness.ts";
import { type Places, places } from "./places.ts";

const ORIGIN = "audit.example/prod/app";
let place: Places;
let witness: TestWitness;
let authority: TestAuthority;
let other: string;
beforeAll(async () => {
  [place, witness, authority] = await Promise.all([
    places(),
    TestWitness.start("witness.example/one", 11, Date.now),
    TestAuthority.start(),
  ]);
  other = join(place.folder, "other");
  const made = await place.run(["archive", place.archive, "--log", "app", "-"], { stdin: "one\ntwo\n" });
  if (made.code !== 0) throw new Error(made.stderr);
  const { stdout } = await place.run(["keys", "show", place.archive]);
  witness.knows(renameVerifierKey(parseVerifierKey(stdout.trim().split("\n")[0] ?? ""), ORIGIN).vkey);
  await mkdir(other);
  await writeFile(join(place.folder, "root.pem"), authority.root);
  await writeFile(
    join(place.folder, "stele.yaml"),
    `anchors:
  allowPrivate: [127.0.0.1]
  witnesses:
    - url: ${witness.url}
      key: ${witness.vkey}
  timestamps:
    - url: ${authority.url}
      ca: root.pem
  copies: [other]
`,
  );
});
afterAll(async () => {
  await witness[Symbol.asyncDispose]();
  await authority[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

test("anchors all that the configuration names, and once", async () => {
  const config = join(place.folder, "stele.yaml");
  const { code, stdout } = await place.run(["anchor", place.archive, "--config", config]);
  expect(stdout).toMatch(
    /^app: 1 manifest, root \S{44}\n {2}anchored witness {3}witness\.example\/one at \S+ -> app\/anchors\/witness\//,
  );
  expect(stdout).toMatch(/\n {2}anchored timestamp http:\S+ at \S+ -> app\/anchors\/timestamp\//);
  expect(stdout).toMatch(/\n {2}anchored copy {6}\S+\/other -> anchors\/audit\.example\+prod\+app\//);
  expect(code).toBe(0);
  expect(await readdir(join(other, "anchors"))).toEqual(["audit.example+prod+app"]);

  const again = await place.run(["anchor", place.archive, "--config", config, "--json"]);
  expect(again.code).toBe(0);
  expect(JSON.parse(again.stdout)).toMatchObject({
    ok: true,
    logs: [
      {
        log: "app",
        origin: ORIGIN,
        complete: true,
        size: 1,
        error: null,
        anchors: [{ outcome: "already" }, { outcome: "already" }, { outcome: "already" }],
      },
    ],
  });
});

test("anchors what options name in place of the configuration", async () => {
  await place.run(["archive", place.archive, "--log", "app", "-"], { stdin: "three\n" });
  const asked = witness.requests.length;
  const options = ["--tsa", authority.url, "--tsa-ca", join(place.folder, "root.pem"), "--allow-private", "127.0.0.0/8"];
  const { code, stdout } = await place.run(["anchor", place.archive, "--log", "app", ...options]);
  expect({ code, lines: stdout.trim().split("\n").length }).toEqual({ code: 0, lines: 2 });
  expect(witness.requests).toHaveLength(asked);
});

test("says who did not, and ends as a failure", async () => {
  const named = ["--witness", `${witness.url} ${witness.vkey}`];
  const { code, stdout } = await place.run(["anchor", place.archive, ...named, "--allow-private", "10.0.0.0/8"]);
  expect(stdout).toMatch(
    /failed {3}witness {3}witness\.example\/one: 127\.0\.0\.1 was not connected to: it is at 127\.0\.0\.1 \(loopback\)/,
  );
  expect(code).toBe(3);
  const https = await place.run(["anchor", place.archive, "--tsa", authority.url]);
  expect(https).toMatchObject({ code: 2, stderr: expect.stringContaining("expected an https URL") });
});

test.each([
  [["--log", "app"], "nobody is named"],
  [["--witness", "https://w.example"], "expected its URL, a space and its vkey"],
  [["--tsa", "https://tsa.example", "--quorum", "2"], "quorum"],
])("%j is refused", async (options, message) => {
  const { code, stderr } = await place.run(["anchor", place.archive, ...options]);
  expect(stderr).toContain(message);
  expect(code).toBeGreaterThan(1);
});

test("verify believes what the configuration names, and a second store's copies by themselves", async () => {
  const config = join(place.folder, "stele.yaml");
  const anchored = await place.run(["verify", place.archive, "--config", config, "--level", "locks"]);
  expect(anchored.stdout).toMatch(/\n {2}app {2}anchored at 1 manifest by witness witness\.example\/one\+\S+ at /);
  expect(anchored.stdout).toMatch(/\n {2}app {2}anchored at 2 manifests by timestamp O=Test, CN=Test TSA at /);
  expect(anchored.code).toBe(0);
  const copied = await place.run(["verify", place.archive, "--anchors-from", other, "--json"]);
  expect(JSON.parse(copied.stdout)).toMatchObject({
    ok: true,
    logs: [
      {
        anchors: [
          { kind: "witness", pinned: false },
          { kind: "timestamp", pinned: false },
          { kind: "copy", size: 1, pinned: true },
        ],
      },
    ],
  });
});

test("does not anchor a log that was cut off, and says that it was", async () => {
  const manifests = join(place.archive, "app/manifests");
  const [, last = ""] = (await readdir(manifests)).sort();
  const kept = await readFile(join(manifests, last));
  await rm(join(manifests, last));
  const { code, stdout } = await place.run(["anchor", place.archive, "--log", "app", "--copy", other]);
  expect(stdout).toContain("its tail was cut off");
  expect(code).toBe(1);
  await writeFile(join(manifests, last), kept);
});
