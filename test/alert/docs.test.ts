import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { alarmsConfigSchema } from "../../src/alert/config.ts";
import { signedHeaders } from "../../src/alert/destination/webhook.ts";
import { cloudEvent, WEBHOOK_BYTES } from "../../src/alert/envelope/cloud-event.ts";
import { pagerDutyEvent } from "../../src/alert/envelope/pagerduty.ts";
import { slackMessage } from "../../src/alert/envelope/slack.ts";
import { VERSION } from "../../src/archive/version.ts";
import { formatAlarm } from "../../src/sweep/alarm.ts";
import { eventAlarm, findingAlarm } from "./samples.ts";

const ROOT = new URL("../../", import.meta.url);
let page = "";
beforeAll(async () => {
  page = await readFile(new URL("docs/ALARMS.md", ROOT), "utf8");
});

/** The block after this info string. */
function block(info: string): string {
  const start = page.indexOf(`\`\`\`${info}\n`);
  if (start < 0) throw new Error(`docs/ALARMS.md has no block ${info}`);
  return page.slice(start + info.length + 4, page.indexOf("\n```", start));
}

describe("docs/ALARMS.md", () => {
  it.each([
    ["finding", () => cloudEvent(findingAlarm(), WEBHOOK_BYTES)],
    ["event", () => cloudEvent(eventAlarm(), WEBHOOK_BYTES)],
    ["slack", () => slackMessage(findingAlarm())],
    ["pagerduty", () => pagerDutyEvent(findingAlarm(), "R0123456789ABCDEF0123456789ABCDE")],
    ["command", () => formatAlarm(eventAlarm())],
  ])("shows what is sent: %s", (name, made) => {
    expect(JSON.parse(block(`json example=${name}`))).toEqual(
      JSON.parse(made().replace(`"version":"${VERSION}"`, '"version":"0.1.0"')),
    );
  });

  it("shows a configuration that is one", () => {
    const { alarms } = z.object({ alarms: alarmsConfigSchema }).parse(parse(block("yaml")));
    expect(alarms.destinations.map(({ type }) => type)).toEqual([
      "webhook",
      "slack",
      "pagerduty",
      "sns",
      "eventbridge",
      "command",
      "textfile",
    ]);
  });

  it("its receiver takes what was signed, once, and nothing else", async () => {
    const folder = await mkdtemp(join(tmpdir(), "stele-receiver-"));
    await symlink(fileURLToPath(new URL("node_modules", ROOT)), join(folder, "node_modules"));
    await writeFile(join(folder, "receiver.mjs"), block("js"));
    const secret = `whsec_${randomBytes(32).toString("base64")}`;
    const child: ChildProcess = spawn(process.execPath, [join(folder, "receiver.mjs")], {
      env: { SECRET: secret, PORT: "0" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const closed = once(child, "close");
    if (child.stdout === null) throw new Error("no output");
    const lines: string[] = [];
    const reader = createInterface({ input: child.stdout });
    const first = once(reader, "line");
    reader.on("line", (line) => lines.push(line));
    await first;
    const port = Number(/^listening on (\d+)$/.exec(lines[0] ?? "")?.[1]);
    const send = async (body: string, headers: Record<string, string>): Promise<number> =>
      (await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body, headers })).status;
    try {
      const alarm = { ...findingAlarm(), title: "Größe" };
      const body = cloudEvent(alarm, WEBHOOK_BYTES);
      const now = Date.now();
      const good = signedHeaders(alarm.id, now, body, [`whsec_${randomBytes(32).toString("base64")}`, secret], "soc");
      expect(await send(body, good)).toBe(204);
      expect(await send(body, signedHeaders(alarm.id, now + 1000, body, [secret], "soc"))).toBe(204);
      expect(await send(body.replace("Critical", "Low"), good)).toBe(401);
      expect(await send(body, { ...good, "webhook-id": "0".repeat(32) })).toBe(401);
      expect(await send(body, signedHeaders(alarm.id, now - 3_600_000, body, [secret], "soc"))).toBe(401);
      expect(await send(body, signedHeaders(alarm.id, now, body, [`whsec_${randomBytes(32).toString("base64")}`], "soc"))).toBe(
        401,
      );
      expect(await send(body, {})).toBe(401);
      expect(await send("x".repeat(2 ** 21), good)).toBe(413);
    } finally {
      child.kill();
      await closed;
      await rm(folder, { recursive: true });
    }
    expect(lines.slice(1)).toEqual(["stele.finding.opened Critical: Größe"]);
  });
});
