import { rename } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { until } from "../places.ts";
import { ask, events, Scene, SECRET } from "./scene.ts";

// Each waits for rounds of another process most of the time.
describe.concurrent("stele watch", () => {
  it("tells of a changed segment by a signed webhook, once, and pings only while all is sound", async () => {
    await using scene = await Scene.make('  ping: { url: "HOOKS/ping/5f1e-secret" }\n');
    const { stele, address } = await scene.watch();
    await until(() => scene.pings() > 0);
    expect(scene.findings()).toEqual([]);
    expect(await ask(address, "/readyz")).toEqual({ status: 200, body: '{"ok":true,"reasons":[]}\n' });
    await scene.tamper();
    await until(() => scene.findings().length > 0);
    await stele.says(/"event":"round\.ended".*"outcome":"unsound"/);
    expect(scene.findings()).toMatchObject([{ type: "stele.finding.opened", title: expect.stringContaining("segment.altered") }]);
    const { body } = await ask(address, "/metrics");
    expect(body).toContain('stele_open_findings{log="app",severity="critical"} 1');
    expect(body).toContain('stele_alarms_dead_letters{destination="ops"} 0');
    expect(body).toMatch(/^stele_sweep_rounds_total\{round="head",outcome="sound"\} [1-9]/m);
    expect(body).toMatch(/^stele_sweep_last_sound_timestamp_seconds\{round="content"\} \d+/m);
    expect(body).toMatch(/^stele_watch_ready 1$/m);
    // One ping may be under way while the finding is made.
    const heads = (): number => events(stele, "round.ended").filter(({ round }) => round === "head").length;
    const before = heads();
    await until(() => heads() > before);
    const pinged = scene.pings();
    await until(() => heads() > before + 2);
    expect(scene.pings()).toBe(pinged);
    expect(scene.findings().map(({ type, title }) => `${type} ${title}`)).toEqual([expect.stringContaining("segment.altered")]);
    expect(stele.said).not.toContain(SECRET);
    expect(stele.said).not.toContain("5f1e-secret");
  });

  it("killed and started again, it goes on: the same alarm is not sent with another id", async () => {
    await using scene = await Scene.make();
    scene.hooks.status = 503;
    const first = await scene.watch();
    await scene.tamper();
    await until(() => scene.findings().length > 0);
    first.stele.kill("SIGKILL");
    await first.stele.outcome;
    scene.hooks.status = 200;
    const { stele, address } = await scene.watch();
    const delivered = /^stele_alarms_delivered_total\{destination="ops"\} [1-9]/m;
    await until(async () => delivered.test((await ask(address, "/metrics")).body));
    await until(() => scene.findings().length > 1);
    // All rounds were done again since: what they found is known.
    const told = new Set(scene.findings().map(({ id, type, title }) => `${type} ${title} ${id}`));
    expect([...told]).toEqual([expect.stringContaining("segment.altered")]);
    expect(events(stele, "finding.opened")).toEqual([]);
  });

  it("a configuration that is wrong is not taken, and says why; a right one is", async () => {
    await using scene = await Scene.make();
    const { at, config } = scene;
    const { stele, address } = await scene.watch();
    const second = await at.run(["watch", at.archive, "--config", config]);
    expect(second).toMatchObject({ code: 2, stderr: expect.stringContaining("is open in another process") });
    await scene.configure("  haed: { every: 2s }\n");
    stele.kill("SIGHUP");
    await stele.says("config.refused");
    const wrong = expect.stringContaining('stele.yaml:6: unknown key "watch.haed"');
    expect(events(stele, "config.refused")).toMatchObject([{ message: wrong }]);
    expect((await ask(address, "/metrics")).body).toMatch(/^stele_config_reload_failed 1$/m);
    expect(await at.run(["watch", at.archive, "--config", config])).toMatchObject({ code: 2, stderr: wrong });
    await scene.configure("", "/others");
    stele.kill("SIGHUP");
    await stele.says("config.taken");
    expect((await ask(address, "/metrics")).body).toMatch(/^stele_config_reload_failed 0$/m);
    await scene.tamper();
    await until(() => scene.hooks.received.some(({ path, body }) => path === "/others" && body.includes("segment.altered")));
    expect(scene.findings()).toEqual([]);
  });

  it("SIGTERM ends it: with 0, and it says what could not be delivered", async () => {
    await using scene = await Scene.make("  drain: 1s\n");
    scene.hooks.status = 503;
    const { stele } = await scene.watch();
    await scene.tamper();
    await until(() => scene.findings().length > 0);
    stele.kill("SIGTERM");
    const { code } = await stele.outcome;
    expect(code).toBe(0);
    expect(events(stele, "alarms.left")).toMatchObject([{ message: expect.stringMatching(/^\d+ alarms? for ops waits? in \//) }]);
    expect(events(stele, "ended")).toHaveLength(1);
  });

  it("rounds that can't read the archive are overdue, and recover", async () => {
    await using scene = await Scene.make();
    const { at } = scene;
    const { stele, address } = await scene.watch();
    const away = join(at.folder, "away");
    await rename(at.archive, away);
    await until(async () => (await ask(address, "/readyz")).body.includes('"code":"head.overdue"'));
    expect((await ask(address, "/readyz")).status).toBe(503);
    expect((await ask(address, "/metrics")).body).toMatch(/^stele_sweep_could_not_tell\{round="head"\} 1$/m);
    await stele.says("round.overdue");
    await rename(away, at.archive);
    await stele.says("round.recovered");
    await until(() => scene.alarms().some(({ type }) => type === "stele.sweep.recovered"));
    await until(() => scene.alarms().some(({ type }) => type === "stele.finding.cleared"));
    const kinds = new Set(scene.alarms().map(({ type }) => type));
    expect(kinds).toContain("stele.sweep.overdue");
    // What could not be read was never said to be gone or changed.
    const opened = scene.alarms().filter(({ type }) => type === "stele.finding.opened");
    for (const { title } of opened) expect(title).toMatch(/^\w+\.unreadable /);
    expect((await ask(address, "/readyz")).status).toBe(200);
  });

  it("where the archive can't be reached it waits for it, says so, and ends when it is asked to", async () => {
    await using scene = await Scene.make();
    // Nothing listens there.
    const none = ["watch", "s3://bucket", "--endpoint", "http://127.0.0.1:9", "--config", scene.config, "--log-format", "json"];
    const credentials = { AWS_ACCESS_KEY_ID: "none", AWS_SECRET_ACCESS_KEY: "none", AWS_REGION: "us-east-1" };
    Object.assign(scene.at.env, credentials);
    const stele = scene.at.start(none);
    await stele.says("archive.not-reached");
    const [listening] = events(stele, "listening");
    const { status, body } = await ask(String(listening?.["address"]), "/readyz");
    expect({ status, body }).toMatchObject({ status: 503, body: expect.stringContaining('"code":"archive.not-reached"') });
    expect((await ask(String(listening?.["address"]), "/metrics")).body).toMatch(/^stele_watch_ready 0$/m);
    stele.kill("SIGTERM");
    expect((await stele.outcome).code).toBe(0);
  });

  it("without a key of the log of sweeps it works, says that only this machine remembers, and keeps that to itself", async () => {
    await using scene = await Scene.make("  recordEvery: 0s\n");
    const { at } = scene;
    // Where no key is.
    at.env["XDG_CONFIG_HOME"] = at.folder;
    const { stele } = await scene.watch();
    await stele.says("reports.kept");
    const refused = await at.run(["findings", at.archive, "--json"]);
    expect(refused.code).toBe(2);
    expect(JSON.parse(refused.stdout)).toMatchObject({ ok: false, error: { code: "sweep.locked" } });
    stele.kill("SIGTERM");
    await stele.outcome;
    // Said once, however many rounds there were.
    expect(events(stele, "reports.kept")).toHaveLength(1);
    expect(await at.run(["findings", at.archive, "--json"])).toMatchObject({ code: 0 });
  });
});
