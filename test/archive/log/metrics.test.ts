import { Registry } from "prom-client";
import { expect, onTestFinished, test } from "vitest";
import { openArchive } from "../../../src/archive/log/open-archive.ts";
import { SteleError } from "../../../src/core/error.ts";
import { withFaults } from "../../../src/store/fault.ts";
import { MemoryStore } from "../../../src/store/memory/memory.ts";
import type { Store } from "../../../src/store/port.ts";
import { listAll, LOG, newArchive, NOW, OWNER } from "../fixture.ts";
import { numbered, openLog, temporaryFolder } from "./logs.ts";
import { Timers } from "./timers.ts";

const DOWN = new SteleError("store.unreachable", "the network is down");
const DENIED = new SteleError("store.denied", "access denied");

async function memory(): Promise<MemoryStore> {
  const store = new MemoryStore({ now: () => NOW });
  await newArchive(store);
  return store;
}

/** A store that can be switched off. */
async function switched(): Promise<{ store: Store; fail: (error: SteleError | null) => void }> {
  let failure: SteleError | null = null;
  const store = withFaults(await memory(), () => (failure === null ? null : { kind: "unpersisted", error: failure }));
  return { store, fail: (error) => (failure = error) };
}

/** The text format, version 0.0.4, read as Prometheus does: a series is a name with its labels in order. */
function parseExposition(text: string): {
  readonly series: ReadonlyMap<string, number>;
  readonly types: ReadonlyMap<string, string>;
} {
  const series = new Map<string, number>();
  const types = new Map<string, string>();
  expect(text.endsWith("\n")).toBe(true);
  for (const line of text.split("\n")) {
    const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line);
    if (comment !== null) {
      if (comment[1] === "TYPE") types.set(comment[2] ?? "", comment[3] ?? "");
      continue;
    }
    if (line === "") continue;
    const sample = /^([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*)\} (\S+)$/.exec(line);
    if (sample === null) throw new Error(`not a sample: ${line}`);
    const [, name = "", labels = "", value = ""] = sample;
    const key = `${name}{${labels.split(",").sort().join(",")}}`;
    if (series.has(key)) throw new Error(`twice: ${key}`);
    const number = value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value);
    if (Number.isNaN(number)) throw new Error(`not a number: ${line}`);
    series.set(key, number);
  }
  return { series, types };
}

/** All series with a value, histograms by their counts only: how long something takes is not the test's to know. */
async function counted(registry: Registry): Promise<Record<string, number>> {
  const { series } = parseExposition(await registry.metrics());
  return Object.fromEntries([...series].filter(([name, value]) => value !== 0 && !/_bucket\{|_seconds_sum\{/.test(name)));
}

test("appends, acks, seals, uploads and manifests are counted as they happen", async () => {
  const metrics = new Registry();
  const { log } = await openLog(await memory(), await temporaryFolder(), { metrics, lingerMillis: 1 });
  await log.append(["12", "345"]);
  expect(await counted(metrics)).toMatchObject({
    'stele_appended_entries_total{log="app"}': 2,
    'stele_appended_bytes_total{log="app"}': 7,
    'stele_append_ack_seconds_count{ack="spooled",log="app"}': 1,
    'stele_spool_entries{log="app"}': 2,
  });
  await log.append("6", { ack: "archived" });
  await log.appendLines(Buffer.from("78\n9\n"));
  await log.append(numbered("e", 5));
  const head = await log.flush();
  // Ten entries: three that were waited for, then segments of four at most, whose appends stay whole.
  const manifests = (head?.manifest.index ?? Number.NaN) + 1;
  const after = await counted(metrics);
  expect(after).toEqual({
    'stele_appended_entries_total{log="app"}': 10,
    'stele_appended_bytes_total{log="app"}': 7 + 2 + 5 + 15,
    'stele_append_ack_seconds_count{ack="spooled",log="app"}': 3,
    'stele_append_ack_seconds_count{ack="archived",log="app"}': 1,
    'stele_seal_seconds_count{log="app"}': manifests,
    'stele_upload_seconds_count{log="app"}': manifests,
    'stele_manifests_committed_total{log="app"}': manifests,
    'stele_archived_entries_total{log="app"}': 10,
    'stele_uploaded_bytes_total{log="app"}': expect.any(Number),
  });
});

test("uploaded bytes are the sizes of the segments as they lie in the store", async () => {
  const metrics = new Registry();
  const store = await memory();
  const { log } = await openLog(store, await temporaryFolder(), { metrics });
  await log.append(numbered("event ", 4));
  await log.append(numbered("another ", 3));
  await log.flush();
  const segments = await listAll(store, `${LOG}/segments/`);
  expect(segments).toHaveLength(2);
  const stored = segments.reduce((sum, { size }) => sum + (size ?? Number.NaN), 0);
  expect(stored).toBeGreaterThan(0);
  expect((await counted(metrics))['stele_uploaded_bytes_total{log="app"}']).toBe(stored);
});

test("a repeated id is acknowledged, and not counted as appended again", async () => {
  const metrics = new Registry();
  const { log } = await openLog(await memory(), await temporaryFolder(), { metrics });
  await log.append("once", { id: "1" });
  await log.append("once", { id: "1" });
  expect(await counted(metrics)).toMatchObject({
    'stele_appended_entries_total{log="app"}': 1,
    'stele_append_ack_seconds_count{ack="spooled",log="app"}': 2,
  });
});

test("refusals are counted by code, and are neither appends nor acks", async () => {
  const metrics = new Registry();
  const { log } = await openLog(await memory(), await temporaryFolder(), {
    metrics,
    maxSpoolBytes: 200,
    onFull: "refuse",
    limits: { entryBytes: 300 },
  });
  await log.open();
  await expect(log.append("two\nlines")).rejects.toMatchObject({ code: "input.invalid" });
  await expect(log.append("")).resolves.toMatchObject({ first: 0 });
  await expect(log.append(["x", "y".repeat(301)])).rejects.toMatchObject({ code: "input.entry-too-large" });
  await expect(log.append("z".repeat(250))).rejects.toMatchObject({ code: "spool.full" });
  await expect(log.append("z".repeat(250))).rejects.toMatchObject({ code: "spool.full" });
  expect(await counted(metrics)).toMatchObject({
    'stele_appends_refused_total{code="input.invalid",log="app"}': 1,
    'stele_appends_refused_total{code="input.entry-too-large",log="app"}': 1,
    'stele_appends_refused_total{code="spool.full",log="app"}': 2,
    'stele_appended_entries_total{log="app"}': 1,
    'stele_append_ack_seconds_count{ack="spooled",log="app"}': 1,
  });
});

test("retries are counted by code, and the spool's size and age are true while the store is down", async () => {
  const metrics = new Registry();
  const { store, fail } = await switched();
  const timers = new Timers();
  const retried: number[] = [];
  let now = NOW;
  const { log } = await openLog(store, await temporaryFolder(), {
    metrics,
    now: () => now,
    sleep: timers.sleep,
    backoff: { random: () => 1 },
    observer: { retried: (_, wait) => retried.push(wait) },
  });
  await log.open();
  fail(DOWN);
  await log.append(numbered("a", 4));
  now += 1500;
  await log.append("b");
  for (const wait of [500, 1000, 2000]) {
    await timers.until((millis) => millis === wait);
    expect((await counted(metrics))['stele_store_retries_total{code="store.unreachable",log="app"}']).toBe(retried.length);
    timers.elapse(wait);
  }
  await timers.until((millis) => millis === 4000);
  now += 60_000;
  expect(await counted(metrics)).toMatchObject({
    'stele_store_retries_total{code="store.unreachable",log="app"}': 4,
    'stele_spool_entries{log="app"}': 5,
    'stele_spool_bytes{log="app"}': log.status()?.spooled.bytes,
    'stele_spool_oldest_age_seconds{log="app"}': 61.5,
  });
  fail(null);
  const flushed = log.flush();
  timers.elapse(4000);
  await flushed;
  const { series } = parseExposition(await metrics.metrics());
  expect(series.get('stele_spool_entries{log="app"}')).toBe(0);
  expect(series.get('stele_spool_bytes{log="app"}')).toBe(0);
  expect(series.get('stele_spool_oldest_age_seconds{log="app"}')).toBe(0);
  expect(series.get('stele_log_stopped{log="app"}')).toBe(0);
});

test("a clock set back gives no age below zero", async () => {
  const metrics = new Registry();
  let now = NOW;
  const { log } = await openLog(await memory(), await temporaryFolder(), { metrics, now: () => now });
  await log.append("a");
  now -= 3_600_000;
  const { series } = parseExposition(await metrics.metrics());
  expect(series.get('stele_spool_entries{log="app"}')).toBe(1);
  expect(series.get('stele_spool_oldest_age_seconds{log="app"}')).toBe(0);
});

test("a log that stopped says so", async () => {
  const metrics = new Registry();
  const { store, fail } = await switched();
  const { log } = await openLog(store, await temporaryFolder(), { metrics });
  await log.open();
  fail(DENIED);
  await expect(log.append("a", { ack: "archived" })).rejects.toBe(DENIED);
  await expect(log.append("b")).rejects.toMatchObject({ code: "store.denied" });
  expect(await counted(metrics)).toMatchObject({
    'stele_log_stopped{log="app"}': 1,
    'stele_appends_refused_total{code="store.denied",log="app"}': 2,
    'stele_spool_entries{log="app"}': 1,
  });
});

test("two logs are told apart; a closed one's gauges disappear, and its counts stay and go on", async () => {
  const metrics = new Registry();
  const { opened, log } = await openLog(await memory(), await temporaryFolder(), { metrics });
  const other = opened.log("other");
  await log.append(["a", "b"]);
  await other.append("c");
  const both = await counted(metrics);
  expect(both).toMatchObject({
    'stele_appended_entries_total{log="app"}': 2,
    'stele_appended_entries_total{log="other"}': 1,
    'stele_spool_entries{log="app"}': 2,
    'stele_spool_entries{log="other"}': 1,
  });
  await log.close();
  const { series } = parseExposition(await metrics.metrics());
  const gauges = ["stele_spool_bytes", "stele_spool_entries", "stele_spool_oldest_age_seconds", "stele_log_stopped"];
  for (const gauge of gauges) {
    expect(series.has(`${gauge}{log="app"}`)).toBe(false);
    expect(series.has(`${gauge}{log="other"}`)).toBe(true);
  }
  expect(series.get('stele_archived_entries_total{log="app"}')).toBe(2);
  await opened.log(LOG).append("d");
  expect(await counted(metrics)).toMatchObject({
    'stele_appended_entries_total{log="app"}': 3,
    'stele_append_ack_seconds_count{ack="spooled",log="app"}': 2,
    'stele_spool_entries{log="app"}': 1,
  });
});

test("counters stand at 0 before the first event, histograms too, and each series has a type", async () => {
  const metrics = new Registry();
  await openLog(await memory(), await temporaryFolder(), { metrics });
  const { series, types } = parseExposition(await metrics.metrics());
  expect(Object.fromEntries(types)).toEqual({
    stele_appended_entries_total: "counter",
    stele_appended_bytes_total: "counter",
    stele_append_ack_seconds: "histogram",
    stele_appends_refused_total: "counter",
    stele_seal_seconds: "histogram",
    stele_upload_seconds: "histogram",
    stele_uploaded_bytes_total: "counter",
    stele_manifests_committed_total: "counter",
    stele_archived_entries_total: "counter",
    stele_store_retries_total: "counter",
    stele_spool_bytes: "gauge",
    stele_spool_entries: "gauge",
    stele_spool_oldest_age_seconds: "gauge",
    stele_log_stopped: "gauge",
  });
  for (const name of ["stele_appended_entries_total", "stele_archived_entries_total", "stele_upload_seconds_count"]) {
    expect(series.get(`${name}{log="app"}`)).toBe(0);
  }
  expect(series.get('stele_append_ack_seconds_count{ack="archived",log="app"}')).toBe(0);
  // Not opened for writing: nothing is known of its spool.
  expect(series.has('stele_spool_bytes{log="app"}')).toBe(false);
});

test("histograms are in seconds, with buckets that add up", async () => {
  const metrics = new Registry();
  const timers = new Timers();
  const { log } = await openLog(await memory(), await temporaryFolder(), { metrics, sleep: timers.sleep });
  const begun = performance.now();
  await log.append("a");
  await log.flush();
  const elapsed = (performance.now() - begun) / 1000;
  const { series } = parseExposition(await metrics.metrics());
  for (const [name, labels] of [
    ["stele_append_ack_seconds", 'ack="spooled",log="app"'],
    ["stele_seal_seconds", 'log="app"'],
    ["stele_upload_seconds", 'log="app"'],
  ]) {
    const sum = series.get(`${name}_sum{${labels}}`) ?? Number.NaN;
    expect(sum).toBeGreaterThan(0);
    expect(sum).toBeLessThan(elapsed);
    const all = `{${[...(labels ?? "").split(","), 'le="+Inf"'].sort().join(",")}}`;
    expect(series.get(`${name}_bucket${all}`)).toBe(1);
    expect(series.get(`${name}_count{${labels}}`)).toBe(1);
  }
});

test("an observer hears the same as the metrics", async () => {
  const metrics = new Registry();
  const heard: string[] = [];
  const { log } = await openLog(await memory(), await temporaryFolder(), {
    metrics,
    observer: {
      appended: (entries, bytes) => heard.push(`appended ${entries} ${bytes}`),
      acked: (level) => heard.push(`acked ${level}`),
      refused: (code) => heard.push(`refused ${code}`),
      sealed: (_, rawBytes) => heard.push(`sealed ${rawBytes}`),
      uploaded: () => heard.push("uploaded"),
      committed: ({ manifest }) => heard.push(`committed ${manifest.index}`),
    },
  });
  await log.append("abc");
  await log.append("a\nb").catch(() => undefined);
  await log.flush();
  expect(heard).toEqual(["appended 1 4", "acked spooled", "refused input.invalid", "sealed 4", "uploaded", "committed 0"]);
});

test("a registry is for one archive", async () => {
  const metrics = new Registry();
  const store = await memory();
  const first = await openArchive(store, { signer: OWNER, metrics });
  onTestFinished(() => first.close());
  await expect(openArchive(store, { signer: OWNER, metrics })).rejects.toMatchObject({
    code: "input.invalid",
    message: expect.stringMatching(/^metrics: expected a registry of this archive's own/),
  });
});
