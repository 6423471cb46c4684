import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Archive } from "../../src/archive/archive.ts";
import type { MemoryStoreOptions } from "../../src/store/memory/memory.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import type { Store } from "../../src/store/port.ts";
import { acknowledge } from "../../src/sweep/acknowledge.ts";
import type { SweepResult } from "../../src/sweep/result.ts";
import { SweepState, type SweepStateOptions } from "../../src/sweep/state/state.ts";
import { sweep, type SweepOptions } from "../../src/sweep/sweep.ts";
import { commitLines, LOG, newArchive, NOW, openWriter, ORIGIN, type WriterFixture } from "../archive/fixture.ts";

/** An archive in memory, and the log `app` with so many manifests of one short entry each. */
export async function filled(
  manifests: number,
  options: MemoryStoreOptions = {},
): Promise<{ store: MemoryStore; archive: Archive }> {
  const store = new MemoryStore({ now: () => NOW, ...options });
  const archive = await newArchive(store);
  await fill(archive, manifests);
  return { store, archive };
}

/** Commits so many manifests of one short entry each. */
export async function fill(archive: Archive, manifests: number, writer: WriterFixture = {}): Promise<void> {
  const open = await openWriter(archive, writer);
  for (let i = 0; i < manifests; i++) await commitLines(open, [`{"n":${i}}`]);
}

/** A state in a folder that goes with it. */
export class TestState implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "stele-sweep-"));
  now: number = NOW;
  #state: SweepState | null = null;
  readonly #options: Partial<SweepStateOptions>;

  constructor(options: Partial<SweepStateOptions> = {}) {
    this.#options = options;
  }

  get state(): SweepState {
    this.#state ??= SweepState.open(this.folder, { origin: ORIGIN, place: "memory:", now: () => this.now, ...this.#options });
    return this.#state;
  }

  /** As another process finds it. */
  reopen(): void {
    this.#state?.close();
    this.#state = null;
  }

  [Symbol.dispose](): void {
    this.#state?.close();
    rmSync(this.folder, { recursive: true });
  }
}

export function swept(archive: Archive, memory: TestState, options: Partial<SweepOptions> = {}): Promise<SweepResult> {
  return sweep(archive, { state: memory.state, now: () => memory.now, threads: 1, sweeper: "test", ...options });
}

/** Someone answers for a finding. */
export function answer({ state, now }: TestState, id: string): void {
  acknowledge(state, id, { by: "ann", why: "known", until: null, sweeper: "test", now });
}

/** The same archive behind another store. */
export function behind(archive: Archive, store: Store): Archive {
  return { ...archive, store };
}

/** Findings as `standing code index`. */
export function told({ findings }: SweepResult): string[] {
  return findings.map(({ standing, code, index }) => `${standing} ${code} ${index}`);
}

/** The version id of an object's oldest version. */
export async function versionOf(store: Store, key: string): Promise<string> {
  let id: string | null = null;
  for await (const version of store.versions(key)) if (version.key === key) id = version.versionId;
  if (id === null) throw new Error(`${key} is not there`);
  return id;
}

/** The key of manifest `index`. */
export function manifest(index: number, log: string = LOG): string {
  return `${log}/manifests/${String(index).padStart(16, "0")}.ndjson`;
}

/** The key of the segment that holds entry `first`. */
export function segment(first: number, log: string = LOG): string {
  return `${log}/segments/dt=2026-01-02/${String(first).padStart(16, "0")}.ndjson.zst`;
}
