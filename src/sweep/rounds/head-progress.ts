import type { LogIdentity } from "../../archive/archive.ts";
import { type Finding, type FindingCode, finding } from "../../archive/finding.ts";
import { KeyRing } from "../../archive/key-ring.ts";
import type { OpenedSegment } from "../../archive/segment/open.ts";
import type { CheckedManifest } from "../../archive/verify/window.ts";
import type { Commit } from "../../core/commit.ts";
import type { VerifierKey } from "../../core/key.ts";
import { timestamp } from "../../core/time.ts";
import { findingId } from "../alarm.ts";
import type { Found } from "../state/found.ts";
import type { RememberedLog } from "../state/remembered-logs.ts";
import type { RoundContext } from "./context.ts";
import { withEntries } from "./found.ts";
import type { EntryWatch, MetEntries, Observed } from "./met-entries.ts";

/** What the head does not step over until someone answers for it: behind it, the log can't be told from another. */
const BLOCKING: ReadonlySet<FindingCode> = new Set([
  "manifest.missing",
  "manifest.altered",
  "manifest.unreadable",
  "segment.unreadable",
  "chain.broken",
  "checkpoint.bad-signature",
  "checkpoint.inconsistent",
  "log.missing",
  "log.truncated",
  "log.unreadable",
]);

/** Manifests that are passed in one transaction where nobody looks at their entries. */
const PASSED_TOGETHER = 64;
/** Segments that are read ahead. */
const AHEAD = 4;

interface Met {
  readonly checked: CheckedManifest;
  readonly reading: Promise<MetEntries> | null;
}

/** Moves the remembered head over manifests that are in order, one by one, and stays before the first that is not. */
export class HeadProgress {
  readonly findings: Found[] = [];
  entries = 0;
  bytes = 0;
  manifests = 0;
  /** Why it stays where it is; null while it does not. */
  stuckAt: Finding | null = null;
  readonly #context: RoundContext;
  readonly #log: LogIdentity;
  readonly #watch: EntryWatch;
  readonly #ring: KeyRing;
  readonly #everInForce: VerifierKey[];
  readonly #queue: Met[] = [];
  #next: number;
  #last: Commit | null;
  #remembered: RememberedLog | null = null;
  #passed: Found[] = [];
  #passedCount = 0;

  /** @param before manifest `next - 1`, where there is one */
  constructor(
    context: RoundContext,
    log: LogIdentity,
    watch: EntryWatch,
    from: { readonly next: number; readonly before: Commit | null; readonly keys: readonly VerifierKey[] },
  ) {
    this.#context = context;
    this.#log = log;
    this.#watch = watch;
    this.#next = from.next;
    this.#last = from.before;
    this.#ring = new KeyRing(from.keys);
    this.#everInForce = [...from.keys];
  }

  /** That may have signed the log from where the round began. */
  get keys(): readonly VerifierKey[] {
    return this.#everInForce;
  }

  found(one: Found): void {
    this.findings.push(one);
    this.#context.onFinding(one);
  }

  /** Whether a finding keeps the head where it is. */
  holds(one: Finding): boolean {
    if (!BLOCKING.has(one.code)) return false;
    const known = this.#context.state.ledger.find(findingId(this.#context.archive.origin, one));
    return (known?.acknowledged ?? null) === null;
  }

  /** The head stays where it is for the rest of the round. */
  stay(because: Finding): void {
    this.stuckAt ??= because;
  }

  /** A manifest was checked; those before it come first. */
  async met(checked: CheckedManifest): Promise<void> {
    const before = this.#last;
    this.#last = checked.commit;
    const reading = this.#watch.wanted && this.stuckAt === null ? this.#watch.read(checked.commit, before) : null;
    // It is awaited in its turn.
    reading?.catch(() => undefined);
    this.#queue.push({ checked, reading });
    if (this.#queue.length > AHEAD) await this.#passFirst();
  }

  /** Passes all that was met. */
  async finish(): Promise<void> {
    while (this.#queue.length > 0) await this.#passFirst();
    this.flush();
  }

  /** Keeps the progress that was made, and in one transaction with it what observers made of the last manifest. */
  flush(observed: Observed | null = null): void {
    if (this.#remembered !== null && this.#passedCount > 0) {
      this.#context.state.advanceHead(this.#remembered, { ...observed, findings: this.#passed });
    }
    this.#passed = [];
    this.#passedCount = 0;
  }

  async #passFirst(): Promise<void> {
    const item = this.#queue.shift();
    if (item === undefined) return;
    const { checked, reading } = item;
    const { commit } = checked;
    this.manifests++;
    this.entries += checked.entries;
    this.bytes += checked.bytes;
    const entries = await reading;
    const own = [...checked.findings, ...(entries?.findings ?? [])].map((one) => withEntries(one, commit));
    for (const one of own) this.found(one);
    if (this.stuckAt !== null) return;
    const inTheWay = this.#inTheWayOf(commit, own);
    if (inTheWay !== null) {
      if (!this.findings.includes(inTheWay)) this.found(inTheWay);
      this.stay(inTheWay);
      return;
    }
    await this.#pass(commit, entries, own);
  }

  #inTheWayOf({ manifest: { index } }: Commit, own: readonly Found[]): Finding | null {
    const held = own.find((one) => this.holds(one));
    if (held !== undefined) return held;
    if (index === this.#next) return null;
    const gap = this.findings.filter(
      (one) => one.index !== null && one.index >= this.#next && one.index < index && BLOCKING.has(one.code),
    );
    const unknown = gap.length > 0 ? null : unexplained(this.#log, this.#next);
    return gap.find((one) => this.holds(one)) ?? (unknown !== null && this.holds(unknown) ? unknown : null);
  }

  async #pass(commit: Commit, entries: MetEntries | null, own: readonly Found[]): Promise<void> {
    const { manifest, checkpoint } = commit;
    // Of entries that are gone or were changed nobody can be shown anything: that is a finding, and not waited for.
    const shown = this.#watch.wanted && (manifest.segment === null || entries?.segment != null);
    const observed = shown ? await this.#observe(commit, entries?.segment ?? null) : null;
    if (this.stuckAt !== null) return;
    this.#ring.follow(commit);
    this.#everInForce.push(...this.#ring.inForce.filter((key) => !this.#everInForce.some(({ vkey }) => vkey === key.vkey)));
    this.#next = manifest.index + 1;
    this.#remembered = {
      name: this.#log.name,
      checkpoint,
      keys: this.#ring.inForce,
      sealed: manifest.sealed,
      nextBy: manifest.nextBy ?? null,
      closed: manifest.closed === true,
      seenAt: timestamp(this.#context.now()),
    };
    this.#passed.push(...own);
    this.#passedCount++;
    if (observed !== null || this.#passedCount >= PASSED_TOGETHER) this.flush(observed);
  }

  /** An observer that fails has not seen the entries: that can't be told from rules that match nothing, unless it is said. */
  async #observe(commit: Commit, segment: OpenedSegment | null): Promise<Observed | null> {
    try {
      return await this.#watch.observe(commit, segment, this.#everInForce);
    } catch (error) {
      if (this.#context.signal?.aborted === true) throw error;
      const { index } = commit.manifest;
      const reason = error instanceof Error ? error.message : String(error);
      const message = `nobody could look at the entries of manifest ${index}: ${reason}`;
      const failed = withEntries(finding("segment.unreadable", this.#log.name, message, { index }), commit);
      this.found(failed);
      if (this.holds(failed)) this.stay(failed);
      return null;
    }
  }
}

/** A manifest that no finding says is missing, and that did not come: nothing behind it is believed. */
function unexplained({ name }: LogIdentity, index: number): Finding {
  return finding("manifest.unreadable", name, `manifest ${index} did not come up`, { index });
}
