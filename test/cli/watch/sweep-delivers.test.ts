import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Places, places } from "../places.ts";
import { type Receiver, receiver } from "./receiver.ts";

let at: Places;
let hooks: Receiver;
beforeEach(async () => {
  at = await places();
  hooks = await receiver();
  await writeFile(join(at.folder, "secret"), `whsec_${Buffer.alloc(32, 7).toString("base64")}\n`, { mode: 0o600 });
  await at.run(["archive", at.archive, "--log", "app"], { stdin: "one\n" });
  const folder = join(at.archive, "app/segments");
  const [day = ""] = await readdir(folder);
  const [name = ""] = await readdir(join(folder, day));
  const path = join(folder, day, name);
  await chmod(path, 0o644);
  await writeFile(path, Buffer.concat([await readFile(path), Buffer.alloc(1)]));
});
afterEach(async () => {
  await hooks[Symbol.asyncDispose]();
  await at[Symbol.asyncDispose]();
});

describe("stele sweep with destinations", () => {
  it("delivers what it has to tell, and what an earlier one without them kept", async () => {
    const kept = await at.run(["sweep", at.archive, "--no-record"]);
    expect(kept).toMatchObject({ code: 1, stderr: expect.stringContaining("1 alarm is kept on this machine") });
    const config = join(at.folder, "stele.yaml");
    await writeFile(
      config,
      `alarms:
  allowPrivate: [127.0.0.1]
  destinations:
    - { name: ops, type: webhook, url: "http://127.0.0.1:${hooks.port}/", secretFile: secret }
`,
    );
    const told = await at.run(["sweep", at.archive, "--no-record", "--config", config]);
    expect(told.code).toBe(1);
    expect(hooks.received).toHaveLength(1);
    expect(JSON.parse(hooks.received[0]?.body ?? "")).toMatchObject({ type: "stele.finding.opened" });
    await at.run(["sweep", at.archive, "--no-record", "--config", config]);
    expect(hooks.received).toHaveLength(1);
  });
});
