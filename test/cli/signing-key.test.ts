import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createKeyFile, defaultKeyFile, readKeyFile, refuseInside } from "../../src/cli/signing-key.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-key-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("the default place is the user's configuration, one file an origin", () => {
  expect(defaultKeyFile("a.example/prod", { XDG_CONFIG_HOME: "/x" })).toBe("/x/stele/keys/a.example_prod.key");
  expect(defaultKeyFile("a.example", {})).toBe(join(homedir(), ".config/stele/keys/a.example.key"));
  // The XDG specification has relative paths ignored.
  expect(defaultKeyFile("a.example", { XDG_CONFIG_HOME: "x" })).toBe(join(homedir(), ".config/stele/keys/a.example.key"));
});

test("a key is made once, for its owner alone, and never overwritten", async () => {
  const path = join(folder, "deep/down/a.key");
  const made = await createKeyFile(path, "a.example");
  expect(made?.key.name).toBe("a.example");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(folder, "deep"))).mode & 0o777).toBe(0o700);
  const text = await readFile(path, "utf8");
  expect(await createKeyFile(path, "a.example")).toBeNull();
  expect(await readFile(path, "utf8")).toBe(text);
  expect(await readdir(join(folder, "deep/down"))).toEqual(["a.key"]);
  const warnings: string[] = [];
  expect((await readKeyFile(path, (message) => warnings.push(message))).key.vkey).toBe(made?.key.vkey);
  expect(warnings).toEqual([]);
});

test("of two that make the same key file, one wins and the other sees it", async () => {
  const path = join(folder, "a.key");
  const made = await Promise.all(Array.from({ length: 8 }, () => createKeyFile(path, "a.example")));
  const winners = made.filter((signer) => signer !== null);
  expect(winners).toHaveLength(1);
  expect((await readKeyFile(path, () => undefined)).key.vkey).toBe(winners[0]?.key.vkey);
});

test("a key file that others can read is warned of; what is no key file is refused without quoting it", async () => {
  const path = join(folder, "a.key");
  await createKeyFile(path, "a.example");
  const open = join(folder, "open.key");
  await writeFile(open, await readFile(path), { mode: 0o644 });
  const warnings: string[] = [];
  await readKeyFile(open, (message) => warnings.push(message));
  expect(warnings).toEqual([expect.stringContaining("chmod 600")]);
  await writeFile(open, "PRIVATE+KEY+a.example+00000000+c2VjcmV0\n");
  const refused = await readKeyFile(open, () => undefined).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "format.key" });
  expect(inspect(refused)).not.toContain("c2VjcmV0");
});

test("a key file inside the archive is refused, over a link too", async () => {
  const archive = join(folder, "archive");
  await mkdir(join(archive, "keys"), { recursive: true });
  await symlink(archive, join(folder, "link"));
  for (const inside of [join(archive, "a.key"), join(archive, "keys/a.key"), join(folder, "link/a.key")]) {
    await expect(refuseInside(inside, archive)).rejects.toMatchObject({ code: "input.invalid" });
  }
  for (const outside of [join(folder, "a.key"), join(folder, "archive.key"), join(folder, "archive2/a.key")]) {
    await expect(refuseInside(outside, archive)).resolves.toBeUndefined();
  }
});
