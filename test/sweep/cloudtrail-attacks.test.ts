import { copyFile, cp, mkdir, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseSweepJson, type SweepJson } from "../../src/sweep/sweep-json.ts";
import { type Places, places } from "../cli/places.ts";

// What CloudTrail's own check of its digest files passes with exit code 0, done to an archive that a sweep has seen sound. Each
// must end `stele sweep` with exit code 1, here and on a machine that only has what the archive's log of sweeps says.

const MANIFESTS = 8;
const KEY = /audit\.example\/prod\+[0-9a-f]{8}\+\S{44}/;
/** Older than what a writer may be about to name. */
const YESTERDAY = new Date(Date.now() - 86_400_000);

let at: Places;
/** Another archive of the same name, signed by the same key, of as many other events. */
let other: string;
let key: string;

beforeAll(async () => {
  at = await places();
  other = join(at.folder, "other");
  key = KEY.exec((await at.run(["init", other, "--origin", "audit.example/prod"])).stdout)?.[0] ?? "no key";
  await archive(at.archive, "n", []);
  await archive(other, "m", ["--spool", join(at.folder, "other-spool")]);
  // The second sees what the first wrote into the archive.
  for (let i = 0; i < 2; i++) {
    const { code, stdout } = await at.run(["sweep", at.archive]);
    if (code !== 0 || !stdout.endsWith("\nSOUND\n")) throw new Error(`it is not sound to begin with: ${stdout}`);
  }
  for (const name of ["archive", "state"]) await cp(join(at.folder, name), join(at.folder, `${name}-sound`), { recursive: true });
});
afterAll(() => at[Symbol.asyncDispose]());

beforeEach(async () => {
  for (const name of ["archive", "state"]) {
    await rm(join(at.folder, name), { recursive: true });
    await cp(join(at.folder, `${name}-sound`), join(at.folder, name), { recursive: true, preserveTimestamps: true });
  }
});

async function archive(place: string, field: string, options: readonly string[]): Promise<void> {
  const stdin = Array.from({ length: MANIFESTS }, (_, i) => `{"${field}":${i}}\n`).join("");
  const { code, stderr } = await at.run(["archive", place, "--log", "app", "--segment-entries", "1", ...options], { stdin });
  if (code !== 0) throw new Error(stderr);
}

/** Of a log; entry and manifest have one number here. */
async function objects(place: string, indexes: readonly number[], log = "app"): Promise<string[]> {
  const paths: string[] = [];
  for (const path of await readdir(join(place, log), { recursive: true })) {
    const index = /(\d{16})\.ndjson/.exec(path)?.[1];
    if (index !== undefined && indexes.includes(Number(index))) paths.push(join(log, path));
  }
  expect(paths).toHaveLength(indexes.length * 2);
  return paths;
}

async function remove(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(join(at.archive, path), { recursive: true });
}

const manifest = (index: number): string => `app/manifests/${String(index).padStart(16, "0")}.ndjson`;

async function sweep(...args: string[]): Promise<{ code: number | null; json: SweepJson }> {
  const { code, stdout, stderr } = await at.run(["sweep", at.archive, "--json", ...args]);
  expect(stdout, stderr).not.toBe("");
  return { code, json: parseSweepJson(stdout, "stdout") };
}

function found({ findings }: SweepJson, log = "app"): string[] {
  return findings.filter((one) => one.log === log).map(({ code, index }) => `${code} ${index}`);
}

const MACHINES = [
  ["on the machine that saw it sound", []],
  ["on a machine that saw nothing", ["--state", "elsewhere"]],
] as const;

describe.each(MACHINES)("%s", (_, args) => {
  const elsewhere = (): string[] => args.map((arg) => (arg === "elsewhere" ? join(at.folder, "state/elsewhere") : arg));

  test("a tail that was deleted", async () => {
    await remove(await objects(at.archive, [5, 6, 7]));
    const { code, json } = await sweep(...elsewhere());
    expect({ code, found: found(json) }).toEqual({ code: 1, found: ["log.truncated null"] });
  });

  test("a file that was forged, among the others", async () => {
    await writeFile(join(at.archive, `${manifest(3).slice(0, -".ndjson".length)}-1.ndjson`), "forged\n");
    const { code, json } = await sweep(...elsewhere());
    expect(code).toBe(1);
    expect(found(json)).toEqual(["object.stray null"]);
  });

  test("a file that was forged, behind the others", async () => {
    const [last = ""] = (await objects(at.archive, [7])).filter((path) => path.includes("segments"));
    const forged = join(at.archive, last.replace(/\d{16}/, "0000000000000008"));
    await copyFile(join(at.archive, last), forged);
    await utimes(forged, YESTERDAY, YESTERDAY);
    const { code, json } = await sweep(...elsewhere());
    expect({ code, found: found(json) }).toEqual({ code: 1, found: ["object.stray null"] });
  });

  test("an early half that was replaced by another chain, validly signed", async () => {
    for (const path of await objects(other, [0, 1, 2, 3])) {
      for (const file of [path, `.stele/locks/${path}.json`]) {
        await rm(join(at.archive, file));
        await mkdir(dirname(join(at.archive, file)), { recursive: true });
        await copyFile(join(other, file), join(at.archive, file));
      }
    }
    const { code, json } = await sweep(...elsewhere());
    expect(code).toBe(1);
    expect(found(json).toSorted()).toEqual(["chain.broken 4", "checkpoint.inconsistent 4"]);
  });

  test("three in the middle that are missing: each of them is named", async () => {
    await remove(await objects(at.archive, [2, 3, 4]));
    const { code, json } = await sweep(...elsewhere());
    expect(code).toBe(1);
    expect(found(json).filter((line) => line.startsWith("manifest.missing"))).toEqual(
      [2, 3, 4].map((i) => `manifest.missing ${i}`),
    );
    expect(found(json).filter((line) => !line.startsWith("manifest.missing"))).toEqual([]);
  });
});

describe("a bucket that was emptied", () => {
  test.each(["head,locks,content", "head"])("of all its logs, in the rounds %s", async (rounds) => {
    await remove(["app", "_sweeps"]);
    const { code, json } = await sweep("--rounds", rounds);
    expect(code).toBe(1);
    for (const log of ["app", "_sweeps"]) expect(found(json, log).toSorted(), log).toContain("log.missing null");
  });

  test("to the last object, where a key is pinned", async () => {
    await remove(["app", "_sweeps", "archive.json"]);
    const { code, json } = await sweep("--key", key);
    expect(code).toBe(1);
    expect(found(json, "")).toEqual(["description.missing null"]);
    for (const log of ["app", "_sweeps"]) expect(found(json, log), log).toContain("log.missing null");
    // A machine that never saw anything there knows what should be: an archive of this key.
    const elsewhere = await sweep("--key", key, "--state", join(at.folder, "state/elsewhere"));
    expect(elsewhere.code).toBe(1);
    expect(found(elsewhere.json, "").toSorted()).toEqual(["description.missing null", "log.missing null"]);
  });

  test("to the last object, where nobody pinned a key: nothing can be told, and that is no success", async () => {
    await remove(["app", "_sweeps", "archive.json"]);
    const { code, stdout, stderr } = await at.run(["sweep", at.archive]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toContain("no archive there");
  });
});
