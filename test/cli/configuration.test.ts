import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseConfiguration } from "../../src/cli/configuration.ts";
import { readSettings } from "../../src/cli/settings.ts";
import { verifierKey } from "../../src/core/key.ts";

const A = verifierKey("a.example", new Uint8Array(32).fill(1)).vkey;
const B = verifierKey("b.example", new Uint8Array(32).fill(2)).vkey;

test("reads all that may be configured", () => {
  const text = `# our archive
keys:
  - ${A}
keyFile: stele.key
s3:
  endpoint: https://s3.example:8443
  region: eu-central-1
  pathStyle: true
  checksum: sha256
limits:
  maxEventBytes: 1048576
  segmentBytes: 33554432
  segmentEntries: 1000
  threads: 2
`;
  expect(parseConfiguration(text, "stele.yaml")).toEqual({
    keys: [A],
    keyFile: "stele.key",
    s3: { endpoint: "https://s3.example:8443", region: "eu-central-1", pathStyle: true, checksum: "sha256" },
    limits: { maxEventBytes: 1048576, segmentBytes: 33554432, segmentEntries: 1000, threads: 2 },
  });
});

test.each(["", "# nothing yet\n", "{}\n"])("%j configures nothing", (text) => {
  expect(parseConfiguration(text, "stele.yaml")).toEqual({});
});

test.each([
  ["an unknown key", "keyFile: a\nkeyfile: b\n", 'stele.yaml:2: unknown key "keyfile"'],
  ["an unknown key below another", "s3:\n  region: x\n  pathstyle: true\n", 'stele.yaml:3: unknown key "s3.pathstyle"'],
  ["a key that is there twice", "keyFile: a\n\nkeyFile: b\n", "stele.yaml:3: Map keys must be unique"],
  ["a value of another type", "\ns3:\n  pathStyle: 1\n", "stele.yaml:3: s3.pathStyle: Invalid input: expected boolean"],
  ["a choice that is none", "s3: { checksum: crc32 }\n", "stele.yaml:1: s3.checksum: Invalid option"],
  ["a number that is too small", "limits:\n  threads: 0\n", "stele.yaml:2: limits.threads: Too small"],
  ["a key that is no key", `keys:\n  - ${A}\n  - a.example\n`, "stele.yaml:3: keys.1: expected a verifier key"],
  ["a list at the top", "- a\n", "stele.yaml:1: "],
  ["broken YAML", "s3: [\n", "stele.yaml:"],
])("refuses %s, with its line", (_what, text, message) => {
  const refused = (): unknown => parseConfiguration(text, "stele.yaml");
  expect(refused).toThrow(message);
  expect(refused).toThrow(expect.objectContaining({ code: "input.invalid" }));
});

test("names every line that is wrong", () => {
  expect(() => parseConfiguration("a: 1\nb: 2\n", "stele.yaml")).toThrow(
    /stele\.yaml:1: unknown key "a"\nstele\.yaml:2: unknown key "b"/,
  );
});

test("reads the sections of sweeps, alarms and what is watched, with what holds where they say nothing", () => {
  const text = `sweep: { contentDays: 7, bandwidth: 20MB, policy: { mode: COMPLIANCE, minimumLeft: 365d } }
watch:
  head: { every: 30s }
  locks: { cron: "17 3 * * *" }
  listen: "[::1]:9000"
  ping: { urlFile: ping.url }
alarms:
  destinations:
    - { name: soc, type: webhook, url: "https://soc.example/x", secretFile: soc.secret }
rules: { files: [rules.yaml] }
anomalies: [{ logs: ["app"] }]
anchors: { every: 1h, copies: [../copy] }
`;
  expect(parseConfiguration(text, "stele.yaml")).toMatchObject({
    sweep: { contentDays: 7, bandwidth: 20_000_000, policy: { mode: "COMPLIANCE", minimumLeft: 365 * 86_400_000 } },
    watch: {
      head: { kind: "every", millis: 30_000 },
      locks: { kind: "cron", pattern: "17 3 * * *" },
      content: { kind: "every", millis: 3_600_000 },
      jitter: 10_000,
      listen: { host: "::1", port: 9000 },
      ping: { urlFile: "ping.url" },
      recordEvery: 600_000,
      drain: 20_000,
    },
    alarms: { destinations: [{ name: "soc", type: "webhook" }], retry: { for: 86_400_000 } },
    rules: { files: ["rules.yaml"] },
    anomalies: [{ logs: ["app"] }],
    anchors: { every: "1h", copies: ["../copy"] },
  });
  expect(parseConfiguration("watch: {}\n", "stele.yaml").watch).toMatchObject({
    head: { kind: "every", millis: 60_000 },
    locks: { kind: "every", millis: 86_400_000 },
    listen: { host: "127.0.0.1", port: 9464 },
    ping: null,
  });
  expect(parseConfiguration("watch: { listen: off }\n", "stele.yaml").watch?.listen).toBeNull();
});

test.each([
  ["watch:\n  head: { evry: 1m }\n", 'stele.yaml:2: unknown key "watch.head.evry"'],
  ["watch:\n  head: {}\n", "stele.yaml:2: watch.head: expected either every (such as 5m) or cron"],
  ['watch:\n  head: { every: 1m, cron: "* * * * *" }\n', "stele.yaml:2: watch.head: expected either every"],
  ["watch:\n  locks:\n    every: daily\n", "stele.yaml:3: watch.locks.every: expected a whole number with ms, s, m"],
  ["watch:\n  locks:\n    every: 10ms\n", "stele.yaml:3: watch.locks.every: expected from 1s to 31d, got 10ms"],
  ["watch:\n  locks:\n    every: 32d\n", "stele.yaml:3: watch.locks.every: expected from 1s to 31d, got 32d"],
  [
    'watch:\n  content:\n    cron: "61 * * * *"\n',
    'stele.yaml:3: watch.content.cron: expected a cron pattern such as "0 3 * * *"',
  ],
  ["watch:\n  listen: 9464\n", "stele.yaml:2: watch.listen: "],
  ["watch:\n  listen: 127.0.0.1:99999\n", "stele.yaml:2: watch.listen: expected an address and port"],
  ['watch:\n  listen: "[127.0.0.1]:1"\n', "stele.yaml:2: watch.listen: expected an address and port"],
  ["watch:\n  ping:\n    url: ftp://x\n", "stele.yaml:3: watch.ping.url: expected a URL with https://"],
  ["watch:\n  ping: {}\n", "stele.yaml:2: watch.ping: expected one of url, urlFile and urlEnv, got 0"],
  ["watch:\n  ping:\n    onlyWhen: always\n    urlEnv: X\n", "stele.yaml:3: watch.ping.onlyWhen: "],
  ["sweep:\n  contentDays: 0\n", "stele.yaml:2: sweep.contentDays: Too small"],
  [
    "alarms:\n  destinations:\n    - name: a\n      type: webhook\n      url: https://a.example\n      secret: x\n",
    "stele.yaml:6: alarms.destinations.0.secret: a secret does not stand in the configuration",
  ],
  ["anchors:\n  every: often\n", "stele.yaml:2: anchors.every: expected "],
  ["rules:\n  files: []\n", "stele.yaml:2: rules.files: Too small"],
])("refuses %j with its line", (text, message) => {
  const refused = (): unknown => parseConfiguration(text, "stele.yaml");
  expect(refused).toThrow(message);
  expect(refused).toThrow(expect.objectContaining({ code: "input.invalid" }));
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-settings-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("flags go over the environment, and that over the file; a key file is found beside its configuration", async () => {
  const config = join(folder, "stele.yaml");
  await writeFile(config, `keys: ["${A}"]\nkeyFile: keys/stele.key\ns3: { region: from-file, endpoint: http://file.example }\n`);
  const names = async (flags: Parameters<typeof readSettings>[0], env: NodeJS.ProcessEnv) => {
    const { pinned, keyFile, s3 } = await readSettings({ config, ...flags }, env);
    return { keys: pinned.map(({ name }) => name), keyFile, region: s3.region, endpoint: s3.endpoint };
  };
  const file = {
    keys: ["a.example"],
    keyFile: join(folder, "keys/stele.key"),
    region: "from-file",
    endpoint: "http://file.example",
  };
  expect(await names({}, {})).toEqual(file);
  expect(await names({}, { STELE_KEY: "", STELE_KEY_FILE: "" })).toEqual(file);
  expect(await names({}, { STELE_KEY: `${B}, ${A}`, STELE_KEY_FILE: "env.key" })).toEqual({
    ...file,
    keys: ["b.example", "a.example"],
    keyFile: "env.key",
  });
  expect(await names({ key: [B], keyFile: "flag.key", region: "flag" }, { STELE_KEY: A, STELE_KEY_FILE: "env.key" })).toEqual({
    keys: ["b.example"],
    keyFile: "flag.key",
    region: "flag",
    endpoint: "http://file.example",
  });
});

test("a configuration that is not there, and a key that is none, are refused", async () => {
  await expect(readSettings({ config: join(folder, "none.yaml") }, {})).rejects.toMatchObject({ code: "input.unreadable" });
  await expect(readSettings({ key: ["a.example+00000000+AAAA"] }, {})).rejects.toMatchObject({ code: "format.key" });
});

test("spools lie where the flag says, the environment, the file, beside which a relative path is, or with the user's state", async () => {
  const config = join(folder, "stele.yaml");
  await writeFile(config, "spool: waiting\n");
  const spool = async (flags: Parameters<typeof readSettings>[0], env: NodeJS.ProcessEnv): Promise<string> =>
    (await readSettings(flags, env)).spool;
  expect(await spool({ config, spool: "/flag" }, { STELE_SPOOL: "/env" })).toBe("/flag");
  expect(await spool({ config }, { STELE_SPOOL: "/env" })).toBe("/env");
  expect(await spool({ config }, {})).toBe(join(folder, "waiting"));
  expect(await spool({}, { XDG_STATE_HOME: "/state" })).toBe("/state/stele/spool");
  expect(await spool({}, { XDG_STATE_HOME: "relative" })).toBe(join(homedir(), ".local/state/stele/spool"));
});
