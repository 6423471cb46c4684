import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateEvents, writeEvents } from "../../scripts/gen-events.ts";

const SCRIPT = new URL("../../scripts/gen-events.ts", import.meta.url).pathname;
const events = [...generateEvents({ seed: 7, count: 20_000 })];
const sizes = events.map((event) => Buffer.byteLength(event)).toSorted((a, b) => a - b);
const quantile = (q: number): number => sizes[Math.floor(q * (sizes.length - 1))] ?? Number.NaN;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gen-events-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The kind of an event, whichever of the three families it belongs to. */
function kind(line: string): string {
  const event: unknown = JSON.parse(line);
  if (typeof event !== "object" || event === null) throw new TypeError(`not an object: ${line}`);
  if ("eventName" in event && "eventSource" in event) return `${String(event.eventSource)} ${String(event.eventName)}`;
  if ("action" in event) return String(event.action);
  if ("verb" in event && "requestURI" in event)
    return `${String(event.verb)} ${String(event.requestURI).split("/namespaces/")[0]}`;
  throw new TypeError(`of no known family: ${line}`);
}

describe("generated events", () => {
  it("are JSON objects of many kinds, one a line", () => {
    const kinds = new Set(events.map(kind));
    expect(kinds.size).toBeGreaterThan(50);
    expect(events.some((event) => /[\r\n]/.test(event))).toBe(false);
  });

  it("spread from 300 bytes to 10 KB around 1.2 KB", () => {
    expect(quantile(0)).toBeGreaterThanOrEqual(250);
    expect(quantile(0.02)).toBeLessThan(450);
    expect(quantile(0.99)).toBeGreaterThan(3000);
    expect(quantile(1)).toBeGreaterThan(5000);
    expect(quantile(1)).toBeLessThanOrEqual(10_240);
    const average = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    expect(average).toBeGreaterThan(1100);
    expect(average).toBeLessThan(1350);
  });

  it("carry fresh ids", () => {
    const ids = events.map((event) => /"(?:eventID|auditID|id)":"([0-9a-f-]{36})"/.exec(event)?.[1]);
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(events.length);
  });

  it("advance in time, at the rate asked for", () => {
    const start = Date.UTC(2030, 0, 1);
    const times = [...generateEvents({ seed: 1, count: 5000, start, rate: 50, small: true })].map((event) =>
      Date.parse(/"time":"([^"]+)"/.exec(event)?.[1] ?? ""),
    );
    expect(times.every((time, i) => time >= (times[i - 1] ?? start))).toBe(true);
    const seconds = ((times.at(-1) ?? 0) - start) / 1000;
    expect(seconds).toBeGreaterThan(90);
    expect(seconds).toBeLessThan(110);
  });

  it("are about 200 bytes with small", () => {
    const small = [...generateEvents({ seed: 7, count: 2000, small: true })].map((event) => Buffer.byteLength(event));
    expect(small.reduce((sum, size) => sum + size, 0) / small.length).toBeGreaterThan(170);
    expect(Math.max(...small)).toBeLessThan(260);
    expect(Math.min(...small)).toBeGreaterThan(140);
  });

  it("hold text that is not ASCII", () => {
    expect(events.some((event) => /[à-ÿ]/.test(event))).toBe(true);
  });
});

describe("the same seed", () => {
  it("gives the same events, another seed others", () => {
    expect([...generateEvents({ seed: 7, count: 500 })]).toEqual(events.slice(0, 500));
    expect([...generateEvents({ seed: "7", count: 3 })]).toEqual(events.slice(0, 3));
    const other = [...generateEvents({ seed: 8, count: 500 })];
    expect(other.filter((event) => events.includes(event))).toEqual([]);
  });

  it("gives the same bytes through a file, a stream and the command", async () => {
    const expected = events
      .slice(0, 1300)
      .map((event) => `${event}\n`)
      .join("");
    const file = join(folder, "events.ndjson");
    expect(await writeEvents(file, { seed: 7, count: 1300 })).toEqual({ events: 1300, bytes: Buffer.byteLength(expected) });
    expect(readFileSync(file, "utf8")).toBe(expected);

    const stream = new PassThrough({ highWaterMark: 1024 });
    const read = stream.toArray();
    await writeEvents(stream, { seed: 7, count: 1300 });
    stream.end();
    expect(Buffer.concat(await read).toString("utf8")).toBe(expected);

    expect(
      execFileSync(process.execPath, [SCRIPT, "--seed", "7", "--count", "1300"], { maxBuffer: 1 << 26 }).toString("utf8"),
    ).toBe(expected);
  });
});

describe("a number of bytes", () => {
  it.each([1, 5000, 1_000_000, 3_333_333])("ends with the event that reaches %i", async (bytes) => {
    const file = join(folder, `bytes-${bytes}.ndjson`);
    const written = await writeEvents(file, { seed: 7, bytes });
    const text = readFileSync(file, "utf8");
    expect(text).toBe(
      events
        .slice(0, written.events)
        .map((event) => `${event}\n`)
        .join(""),
    );
    expect(written.bytes).toBe(Buffer.byteLength(text));
    expect(written.bytes).toBeGreaterThanOrEqual(bytes);
    expect(written.bytes - Buffer.byteLength(`${events[written.events - 1]}\n`)).toBeLessThan(bytes);
  });

  it("or a count is needed, and either may come first", async () => {
    const file = join(folder, "either.ndjson");
    await expect(writeEvents(file, { seed: 7 })).rejects.toThrow("count or a number of bytes");
    expect((await writeEvents(file, { seed: 7, count: 5, bytes: 5 })).events).toBe(1);
    expect((await writeEvents(file, { seed: 7, count: 5, bytes: 1e6 })).events).toBe(5);
  });
});

describe("the command", () => {
  const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [SCRIPT, ...args], { encoding: "utf8" });

  it("explains itself", () => {
    const { status, stdout } = run("--help");
    expect(status).toBe(0);
    expect(stdout).toContain("--bytes SIZE");
  });

  it.each([["--count", "-1"], ["--count", "1.5"], ["--bytes", "5 apples"], ["--start", "soon"], ["--rate", "0"], ["--nonsense"]])(
    "refuses %s %s with exit code 2",
    (...args) => {
      const { status, stdout, stderr } = run(...args);
      expect(status).toBe(2);
      expect(stdout).toBe("");
      expect(stderr).toMatch(/^gen-events: /);
    },
  );

  it("ends quietly when its reader goes away", () => {
    const shell = spawnSync("bash", ["-c", `set -o pipefail; "$0" "$1" --bytes 50MB | head -n 1`, process.execPath, SCRIPT], {
      encoding: "utf8",
    });
    expect(shell.stderr).toBe("");
    expect(shell.status).toBe(0);
    expect(shell.stdout.split("\n")).toHaveLength(2);
  });
});
