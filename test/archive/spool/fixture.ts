import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { ClosedFile, CommittedFile, Delivery } from "../../../src/archive/spool/delivery.ts";
import { Spool, type SpoolOptions } from "../../../src/archive/spool/spool.ts";
import { LIMITS, ORIGIN } from "./constants.ts";

export const NOW: number = Date.UTC(2026, 10, 23, 15);

const folders: string[] = [];

/** A place for a spool, removed after the tests of the file. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "stele-spool-"));
  folders.push(folder);
  return join(folder, "spool");
}

afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function openSpool(folder: string, options: Partial<SpoolOptions> = {}): Promise<Spool> {
  return Spool.open(folder, { origin: ORIGIN, limits: LIMITS, now: () => NOW, ...options });
}

/** A spool of a log that has nothing in it yet. */
export async function newSpool(folder: string, options: Partial<SpoolOptions> = {}): Promise<Spool> {
  const spool = await openSpool(folder, options);
  spool.start(0);
  return spool;
}

export function delivery(entries: string | readonly string[], more: Partial<Delivery> = {}): Delivery {
  const lines = typeof entries === "string" ? [entries] : entries;
  return { source: "app", count: lines.length, bytes: Buffer.from(lines.map((entry) => `${entry}\n`).join("")), ...more };
}

export async function entriesOf(spool: Spool, file: ClosedFile): Promise<string[]> {
  const { buffer, length } = await spool.read(file);
  return Buffer.from(buffer, 0, length).toString("latin1").split("\n").slice(0, -1);
}

/** Everything in the spool's closed files. */
export async function allEntries(spool: Spool): Promise<string[]> {
  const entries: string[] = [];
  for (const file of spool.pending) entries.push(...(await entriesOf(spool, file)));
  return entries;
}

/** What is in a spool that nobody has open. */
export async function reopened(
  folder: string,
  options: Partial<SpoolOptions> = {},
): Promise<{ entries: string[]; spool: Spool }> {
  const spool = await openSpool(folder, options);
  try {
    return { entries: await allEntries(spool), spool };
  } finally {
    await spool.close();
  }
}

export function commitOf(manifest: number): CommittedFile {
  return { manifest, leaf: new Uint8Array(32).fill(manifest), checkpoint: `note of manifest ${manifest}\n` };
}

/** Draws numbers below a bound, the same for the same seed. */
export function seeded(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return Math.floor((((state ^ (state >>> 13)) >>> 0) / 2 ** 32) * bound);
  };
}
