import type { Archive } from "../../../src/archive/archive.ts";
import { logOf } from "../../../src/archive/archive.ts";
import { anchorLog, type LogAnchoring } from "../../../src/archive/anchor/anchor-log.ts";
import { type Anchoring, type AnchorPolicy, NO_POLICY } from "../../../src/archive/anchor/anchoring.ts";
import { type AnchorsSeen, checkAnchors, type CheckAnchorsOptions } from "../../../src/archive/anchor/check.ts";
import type { Finding } from "../../../src/archive/finding.ts";
import { locateHead } from "../../../src/archive/locate.ts";
import { parseManifestKey } from "../../../src/core/layout.ts";
import { renameVerifierKey } from "../../../src/core/key.ts";
import { logKeys } from "../../../src/archive/archive.ts";
import { MemoryStore } from "../../../src/store/memory/memory.ts";
import { listAll, LOG, LOG_ORIGIN, newArchive, NOW, openWriter, OWNER } from "../fixture.ts";

/** The vkey that a witness is given to know the log by. */
export const LOG_VKEY: string = renameVerifierKey(OWNER.key, LOG_ORIGIN).vkey;

/** Nobody is asked. */
export const NOBODY: Anchoring = { witnesses: [], quorum: 0, authorities: [], copies: [], allowPrivate: true };

/** A log in memory, on a clock that a test moves. */
export class AnchoredLog {
  readonly store: MemoryStore;
  readonly archive: Archive;
  readonly #clock: { at: number };

  private constructor(store: MemoryStore, archive: Archive, clock: { at: number }) {
    this.store = store;
    this.archive = archive;
    this.#clock = clock;
  }

  static async of(manifests: number, start: number = NOW): Promise<AnchoredLog> {
    const clock = { at: start };
    const store = new MemoryStore({ now: () => clock.at });
    const archive = await newArchive(store, { now: () => clock.at });
    const log = new AnchoredLog(store, archive, clock);
    await log.grow(manifests);
    return log;
  }

  readonly now = (): number => this.#clock.at;

  pass(millis: number): void {
    this.#clock.at += millis;
  }

  /** Appends empty manifests, a second apart. @param writerId makes another history of it */
  async grow(count: number, writerId = "test"): Promise<void> {
    const writer = await openWriter(this.archive, { now: this.now, writerId });
    for (let i = 0; i < count; i++) {
      this.pass(1000);
      await writer.heartbeat();
    }
  }

  /** Takes all manifests from `size` on away, as no one can under COMPLIANCE. */
  async cut(size: number): Promise<void> {
    for (const { key, versionId } of await listAll(this.store, `${LOG}/manifests/`)) {
      const index = parseManifestKey(key.slice(LOG.length + 1))?.index;
      if (index !== undefined && index >= size && versionId !== null) this.store.vanish(key, versionId);
    }
  }

  anchor(anchoring: Partial<Anchoring>): Promise<LogAnchoring> {
    return anchorLog(this.archive, LOG, { ...NOBODY, ...anchoring }, { now: this.now });
  }

  async check(
    policy: Partial<AnchorPolicy> = {},
    options: Partial<CheckAnchorsOptions> = {},
  ): Promise<{ codes: string[]; findings: Finding[]; seen: AnchorsSeen }> {
    const log = logOf(this.archive, LOG);
    const { newest, keys } = await locateHead(this.store, log, logKeys(this.archive, log));
    const findings: Finding[] = [];
    const complete = { scope: "newest", locks: false, now: this.now(), ...options } as const;
    const held = { ...NO_POLICY, ...policy };
    const seen = await checkAnchors(this.store, log, newest?.commit ?? null, keys, held, complete, (one) => findings.push(one));
    return { codes: findings.map(({ code }) => code), findings, seen };
  }

  /** Keys of what lies in the log's `anchors/`. */
  async anchors(): Promise<string[]> {
    return (await listAll(this.store, `${LOG}/anchors/`)).map(({ key }) => key);
  }
}
