import { SteleError } from "../../core/error.ts";
import { logKey, manifestKey } from "../../core/layout.ts";
import type { Store } from "../../store/port.ts";
import { askForManifest } from "../ask-for.ts";
import type { LogIdentity } from "../archive.ts";
import type { Claim } from "../candidates.ts";
import { type Finding, finding, leftOut } from "../finding.ts";
import { orderedMap } from "../ordered-map.ts";

export interface GapOptions {
  readonly signal?: AbortSignal | undefined;
  readonly found: (finding: Finding) => void;
}

/** A manifest that the listing left out. */
export interface FoundManifest {
  readonly kind: "manifest";
  readonly index: number;
  readonly claims: readonly Claim[];
}

/** Above this, a gap is one finding instead of one for each manifest, and no more of it are asked for one by one. */
const NAMED_GAP = 1000;
const ASKED_AT_A_TIME = 16;

/** The manifests that a walk expects and has not met: asked for directly before they are called missing. */
export class ManifestGap {
  readonly #store: Store;
  readonly #log: LogIdentity;
  readonly #options: GapOptions;
  /** Where something lies that is not the manifest, or that can't be read. */
  readonly #occupied = new Set<number>();
  /** Asked for, and not there. */
  readonly #absent = new Set<number>();
  #expected: number;
  #any = false;
  #unread = false;

  constructor(store: Store, log: LogIdentity, first: number, options: GapOptions) {
    this.#store = store;
    this.#log = log;
    this.#expected = first;
    this.#options = options;
  }

  /** The index after the last manifest. */
  get expected(): number {
    return this.#expected;
  }

  /** Whether any manifest is not there. */
  get any(): boolean {
    return this.#any;
  }

  /** Whether it could not be told of some whether they are there. */
  get unread(): boolean {
    return this.#unread;
  }

  isOccupied(index: number): boolean {
    return this.#occupied.has(index);
  }

  /** Nothing at `index` is the manifest. @param occupied whether there is anything else than delete markers */
  refused(index: number, occupied: boolean): void {
    this.#any = true;
    if (occupied) this.#occupied.add(index);
  }

  accepted(index: number): void {
    this.#expected = index + 1;
    this.#absent.clear();
  }

  /**
   * Asks for what is not there of the manifests before `end`, and gives those that the listing left out. Of a gap that is too
   * long to ask for all of it, the last one is asked for as well.
   */
  async *ask(end: number): AsyncGenerator<FoundManifest, void, undefined> {
    let notFound = 0;
    const asked = orderedMap(this.#unasked(end), ASKED_AT_A_TIME, async (index) => ({ index, claims: await this.#ask(index) }));
    for await (const { index, claims } of asked) {
      if (isThere(claims)) {
        this.#options.found(this.#leftOut(index));
        yield { kind: "manifest", index, claims };
        continue;
      }
      if (claims instanceof SteleError) this.#unreadable(index, claims);
      else this.#absent.add(index);
      if (++notFound > NAMED_GAP) break;
    }
    if (notFound <= NAMED_GAP) return;
    const last = await this.#ask(end - 1);
    if (last instanceof SteleError) this.#unreadable(end - 1, last);
    if (!isThere(last)) return;
    this.#options.found(this.#leftOut(end - 1));
    this.#unread = true;
  }

  /** Whether something lies at `index` that no listing gave so far. Where that can't be told, the log's end is not known. */
  async isThere(index: number): Promise<boolean> {
    if (this.#occupied.has(index) || this.#absent.has(index)) return false;
    const claims = await this.#ask(index);
    if (claims instanceof SteleError) {
      const message = `whether the log goes on with manifest ${index} can't be told: ${claims.message}`;
      this.#options.found(finding("log.unreadable", this.#log.name, message, { object: this.#key(index), index }));
      this.#unread = true;
      return false;
    }
    return isThere(claims);
  }

  /**
   * Names what is missing before `index`, where the next manifest is, and goes on from there.
   * @returns how many manifests are not there; null: too many to follow the tree across
   */
  close(index: number): number | null {
    const from = this.#expected;
    const report = (first: number, end: number): void => {
      const message = end - first === 1 ? `manifest ${first} is missing` : `manifests ${first} to ${end - 1} are missing`;
      this.#options.found(finding("manifest.missing", this.#log.name, message, { index: first }));
    };
    if (index <= from) return 0;
    this.#any = true;
    this.#expected = index;
    // The gap may be as long as whoever has the key wants it.
    if (index - from > NAMED_GAP) {
      const message = `whether the manifests ${from} to ${index - 1} are there can't be told`;
      if (this.#unread) this.#options.found(finding("manifest.unreadable", this.#log.name, message, { index: from }));
      else report(from, index);
      return null;
    }
    for (let missing = from; missing < index; missing++) if (!this.#occupied.has(missing)) report(missing, missing + 1);
    return index - from;
  }

  *#unasked(end: number): Generator<number, void, undefined> {
    for (let index = this.#expected; index < end; index++) {
      if (!this.#occupied.has(index) && !this.#absent.has(index)) yield index;
    }
  }

  #unreadable(index: number, error: SteleError): void {
    const message = `the listing has no manifest ${index}, and whether it is there can't be told: ${error.message}`;
    this.#options.found(finding("manifest.unreadable", this.#log.name, message, { object: this.#key(index), index }));
    this.#unread = true;
    this.refused(index, true);
  }

  #leftOut(index: number): Finding {
    return leftOut(this.#log.name, `manifest ${index}`, { object: this.#key(index), index });
  }

  #ask(index: number): Promise<Claim[] | SteleError> {
    return askForManifest(this.#store, this.#log, index, this.#options.signal);
  }

  #key(index: number): string {
    return logKey(this.#log.name, manifestKey(index));
  }
}

function isThere(claims: readonly Claim[] | SteleError): claims is readonly Claim[] {
  return !(claims instanceof SteleError) && claims.some(({ version }) => version.kind === "object");
}
