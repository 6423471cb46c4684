import type { Archive } from "../../../src/archive/archive.ts";
import type { LogWriter } from "../../../src/archive/log-writer.ts";
import type { SignedCheckpoint } from "../../../src/core/checkpoint.ts";
import type { Commit } from "../../../src/core/commit.ts";
import type { Signer } from "../../../src/core/key.ts";
import { logKey } from "../../../src/core/layout.ts";
import type { Retention } from "../../../src/core/retention.ts";
import { parsePeriod, retainUntil } from "../../../src/core/retention.ts";
import { timestamp } from "../../../src/core/time.ts";
import type { Store } from "../../../src/store/port.ts";
import { commitLines, LOG, newArchive, openWriter, rawOf } from "../fixture.ts";
import type { Place } from "./place.ts";

/** Manifests of the archive that is attacked. */
export const COMMITS = 9;

export interface SceneOptions {
  /** What the writer sees of the place's store, where it is not to see all. */
  readonly through?: (store: Store) => Store;
  /** Another one gives other events of the same number. */
  readonly flavour?: string;
  readonly commits?: number;
}

/** An archive at rest with one log, everything that was put into it remembered outside of it. */
export class Scene {
  readonly place: Place;
  readonly archive: Archive;
  readonly commits: Commit[] = [];
  readonly #raws: Uint8Array[] = [];
  readonly #flavour: string;

  private constructor(place: Place, archive: Archive, flavour: string) {
    this.place = place;
    this.archive = archive;
    this.#flavour = flavour;
  }

  static async build(place: Place, options: SceneOptions = {}): Promise<Scene> {
    const { through = (store) => store, flavour = "event", commits = COMMITS } = options;
    const store = through(place.store);
    const archive = await newArchive(store, { now: place.now, mode: place.mode });
    const scene = new Scene(place, { ...archive, store: place.store }, flavour);
    await scene.append(commits, { store });
    return scene;
  }

  /** Another archive at a place of the same kind: same key, same names, same numbers, other events. */
  async double(): Promise<Scene> {
    return Scene.build(await this.place.another(), { flavour: "other", commits: this.commits.length });
  }

  /** The same archive at another place, whose files were copied. */
  at(place: Place): Scene {
    const scene = new Scene(place, { ...this.archive, store: place.store }, this.#flavour);
    scene.commits.push(...this.commits);
    scene.#raws.push(...this.#raws);
    return scene;
  }

  /** What the log was given, byte for byte. */
  get original(): Buffer {
    return Buffer.concat(this.#raws);
  }

  /** The bytes of the entries before manifest `index`. */
  originalBefore(index: number): Buffer {
    return Buffer.concat(this.#raws.slice(0, index));
  }

  /** A lock as the archive's objects have. */
  get retention(): Retention {
    return { mode: this.place.mode, until: retainUntil(timestamp(this.place.now()), parsePeriod("1y")) };
  }

  /** Lets the log's writer go on. */
  async append(count: number, options: { readonly store?: Store; readonly signer?: Signer } = {}): Promise<void> {
    const archive = { ...this.archive, store: options.store ?? this.place.store };
    const writer = await openWriter(archive, { now: this.place.now, ...(options.signer && { signer: options.signer }) });
    for (let i = 0; i < count; i++) await this.#commit(writer);
  }

  /** Lets the log's writer hand over to another key, which goes on. */
  async rotate(next: Signer, options: { readonly andCommits: number }): Promise<void> {
    const writer = await openWriter(this.archive, { now: this.place.now });
    this.commits.push(await writer.rotate(next));
    this.#raws.push(new Uint8Array(0));
    for (let i = 0; i < options.andCommits; i++) await this.#commit(writer);
  }

  /** Says that these bytes are genuine, too. */
  expectAlso(raw: Uint8Array): void {
    this.#raws.push(raw);
  }

  commit(index: number): Commit {
    const commit = this.commits[index];
    if (commit === undefined) throw new Error(`the scene has ${this.commits.length} manifests, not manifest ${index}`);
    return commit;
  }

  get head(): Commit {
    return this.commit(this.commits.length - 1);
  }

  /** The key of the segment that begins with entry `first`, if it arrives now. */
  nextSegment(): string {
    const { first, count } = this.head.manifest.entries;
    return `${LOG}/segments/dt=${timestamp(this.place.now()).slice(0, 10)}/${String(first + count).padStart(16, "0")}.ndjson.zst`;
  }

  /** What someone remembers who saw the log when it had `size` manifests. */
  checkpoint(size: number): SignedCheckpoint {
    return this.commit(size - 1).checkpoint;
  }

  readonly manifest = (index: number): string => `${LOG}/manifests/${String(index).padStart(16, "0")}.ndjson`;

  segment(index: number): string {
    const { segment } = this.commit(index).manifest;
    if (segment === null) throw new Error(`manifest ${index} has no segment`);
    return logKey(LOG, segment.key);
  }

  async #commit(writer: LogWriter): Promise<void> {
    const n = this.commits.length;
    const lines = Array.from({ length: 2 + (n % 3) }, (_, i) => `{"${this.#flavour}":${n}.${i},"user":"u${(n * 7 + i) % 5}"}`);
    this.commits.push(await commitLines(writer, lines, { time: timestamp(this.place.now()) }));
    this.#raws.push(rawOf(lines));
  }
}
