import { type Archive, createArchive, openArchive } from "../../src/archive/archive.ts";
import { type ReadOptions, readEntries } from "../../src/archive/log-reader.ts";
import { LogWriter } from "../../src/archive/log-writer.ts";
import type { NewAppend } from "../../src/archive/provenance.ts";
import { sealSegment } from "../../src/archive/segment/seal.ts";
import type { Commit } from "../../src/core/commit.ts";
import { isSteleError, type SteleError } from "../../src/core/error.ts";
import { type Signer, signerFromSeed } from "../../src/core/key.ts";
import { type LockMode, parsePeriod } from "../../src/core/retention.ts";
import { timestamp } from "../../src/core/time.ts";
import type { ObjectVersion, Store } from "../../src/store/port.ts";

export const ORIGIN = "audit.example/prod";
export const LOG = "app";
export const LOG_ORIGIN: string = `${ORIGIN}/${LOG}`;

/** The archive's key. */
export const OWNER: Signer = signerFromSeed(ORIGIN, new Uint8Array(32).fill(1));
/** Under the archive's name as well, but nobody's whom the archive knows. */
export const STRANGER: Signer = signerFromSeed(ORIGIN, new Uint8Array(32).fill(2));
/** What the owner's key gives way to. */
export const SUCCESSOR: Signer = signerFromSeed(ORIGIN, new Uint8Array(32).fill(3));

/** The clock of 2026-01-02 stands still, but where a test moves it. */
export const NOW: number = Date.UTC(2026, 0, 2);

export interface FixtureOptions {
  readonly now?: () => number;
  readonly mode?: LockMode;
  readonly period?: string;
}

/** Makes an archive in an empty store, and opens it with the owner's key pinned. */
export async function newArchive(store: Store, options: FixtureOptions = {}): Promise<Archive> {
  const { now = () => NOW, mode = "COMPLIANCE", period = "1y" } = options;
  await createArchive(store, { origin: ORIGIN, signer: OWNER, mode, period: parsePeriod(period), now: now() });
  return openArchive(store, { pinned: [OWNER.key] });
}

export interface WriterFixture {
  readonly log?: string;
  readonly signer?: Signer;
  readonly writerId?: string;
  readonly now?: () => number;
}

export function openWriter(archive: Archive, options: WriterFixture = {}): Promise<LogWriter> {
  const { log = LOG, signer = OWNER, writerId = "test", now = () => NOW } = options;
  return LogWriter.open(archive, log, { signer, writerId, now });
}

/** Commits one segment of these lines. */
export function commitLines(writer: LogWriter, lines: readonly string[], append: Partial<NewAppend> = {}): Promise<Commit> {
  const whole = { count: lines.length, time: timestamp(NOW), source: "test", ...append };
  return writer.commit(sealSegment(rawOf(lines)), [whole]);
}

/** Lines as they lie in a segment. */
export function rawOf(lines: readonly string[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(lines.map((line) => `${line}\n`).join("")));
}

/** What a reader was given, and the error that ended it. */
export interface Reading {
  readonly bytes: Buffer;
  readonly error: SteleError | null;
}

/** Reads a log to its end or to the first refusal. */
export async function readAll(archive: Archive, log: string = LOG, options: ReadOptions = {}): Promise<Reading> {
  const parts: Uint8Array[] = [];
  try {
    for await (const { bytes } of readEntries(archive, log, { threads: 1, ...options })) parts.push(bytes.slice());
  } catch (error) {
    if (!isSteleError(error)) throw error;
    return { bytes: Buffer.concat(parts), error };
  }
  return { bytes: Buffer.concat(parts), error: null };
}

export async function listAll(store: Store, prefix = ""): Promise<ObjectVersion[]> {
  const versions: ObjectVersion[] = [];
  for await (const version of store.versions(prefix)) versions.push(version);
  return versions;
}
