import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { delivery, newFolder, newSpool, openSpool, reopened } from "./fixture.ts";

function hold(folder: string, ...flags: string[]): { child: ChildProcess; said: Promise<string>; errors: () => string } {
  const args = ["--conditions=stele-source", ...flags, join(import.meta.dirname, "holder.ts"), folder];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (data: Buffer) => (errors += data.toString()));
  const said = Promise.race([once(child.stdout, "data"), once(child, "close")]).then(([data]) => String(data).trim());
  return { child, said, errors: () => errors };
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

test("a spool that is open can't be opened again in the same process, and can when it is closed", async () => {
  const folder = newFolder();
  const spool = await newSpool(folder);
  await expect(openSpool(folder)).rejects.toMatchObject({ code: "spool.locked", message: expect.stringContaining(folder) });
  expect(await spool.append(delivery("still mine"))).toMatchObject({ first: 0 });
  await spool.close();
  expect((await reopened(folder)).entries).toEqual(["still mine"]);
});

test("nor in another process, until that one dies, however it dies; and nobody hears of an experiment", async () => {
  const folder = newFolder();
  const holder = hold(folder);
  try {
    expect(await holder.said).toBe("0");
    await expect(openSpool(folder)).rejects.toMatchObject({ code: "spool.locked" });
  } finally {
    await kill(holder.child);
  }
  const spool = await openSpool(folder);
  expect(spool.recovery).toMatchObject({ entries: 1, files: 1, tornBytes: 0 });
  const refused = hold(folder);
  expect(await refused.said).toMatch(/^spool\.locked: /);
  await once(refused.child, "exit");
  expect([holder.errors(), refused.errors()]).toEqual(["", ""]);
  await spool.close();
});

test("a Node without SQLite is told so", async () => {
  const without = hold(newFolder(), "--no-experimental-sqlite");
  expect(await without.said).toMatch(/^spool\.failed: .*node:sqlite/);
  await once(without.child, "exit");
});
