import { z } from "zod";
import { SteleError } from "../../core/error.ts";
import { coversRetention, type Retention } from "../../core/retention.ts";
import { isTimestamp, timestamp, type Timestamp } from "../../core/time.ts";
import type { LockState } from "../port.ts";
import { readWhole } from "./read.ts";
import { OWN_FOLDER, type Root } from "./root.ts";
import type { WriteOnce } from "./write-once.ts";

/** Where locks are recorded. A folder without it is a plain copy, whose locks can't be known. */
export const LOCKS_FOLDER: string = `${OWN_FOLDER}/locks`;

const FORMAT = "stele-lock/1";
const MAX_RECORD_BYTES = 16_384;
const MAX_RECORDS = 10_000;

const NO_LOCK: LockState = { retention: null, legalHold: false };

const Time = z.custom<Timestamp>((value) => typeof value === "string" && isTimestamp(value));

const Record = z.strictObject({
  format: z.literal(FORMAT),
  key: z.string(),
  retention: z.strictObject({ mode: z.enum(["COMPLIANCE", "GOVERNANCE"]), until: Time }).nullable(),
  legalHold: z.boolean(),
  recordedAt: Time,
});

/**
 * The locks of a folder's objects: `.stele/locks/<key>.json`, and for each later change a further file `<key>.json.1`,
 * `.2` and so on, the last of which holds. Records are write-once like objects, so of two changes at a time one
 * is told to look again: neither can put an older, weaker lock back.
 */
export class LockRecords {
  readonly #root: Root;
  readonly #files: WriteOnce;
  readonly #now: () => number;

  constructor(root: Root, files: WriteOnce, now: () => number) {
    this.#root = root;
    this.#files = files;
    this.#now = now;
  }

  /**
   * The lock recorded for `key`; "none" when there is no record.
   * @throws SteleError `store.altered` when there is a record that can't be read: that is not "none".
   */
  async read(key: string): Promise<LockState> {
    return (await this.#newest(key)).state;
  }

  /** Records what `change` makes of the present lock; null leaves it. `change` is asked again when another was faster. */
  async update(key: string, change: (present: LockState) => LockState | null): Promise<void> {
    for (;;) {
      const { state, count } = await this.#newest(key);
      const next = change(state);
      if (next === null) return;
      if (count >= MAX_RECORDS) {
        throw new SteleError(
          "store.unsupported",
          `${key}: its lock was changed ${count} times, and no more changes can be recorded`,
        );
      }
      const staged = await this.#files.stage(encode(key, next, this.#now()));
      try {
        if (await this.#files.publish(staged, recordName(key, count))) return;
      } finally {
        await this.#files.discard(staged);
      }
    }
  }

  async #newest(key: string): Promise<{ state: LockState; count: number }> {
    let state = NO_LOCK;
    for (let count = 0; ; count++) {
      const bytes = await readWhole(this.#root, recordName(key, count), MAX_RECORD_BYTES).catch((error: unknown) => {
        if (error instanceof SteleError && error.code === "store.too-large")
          throw unreadable(key, count, "it is too long", error);
        throw error;
      });
      if (bytes === null) return { state, count };
      state = decode(key, count, bytes);
    }
  }
}

/** The lock that keeps both promises: the stronger mode, the later end. */
export function strongest(a: Retention | null, b: Retention): Retention {
  if (a === null || coversRetention(b, a)) return b;
  return {
    mode: a.mode === "COMPLIANCE" ? a.mode : b.mode,
    until: a.until > b.until ? a.until : b.until,
  };
}

function recordName(key: string, count: number): string {
  return `${LOCKS_FOLDER}/${key}.json${count === 0 ? "" : `.${count}`}`;
}

function encode(key: string, state: LockState, now: number): Uint8Array {
  const record = { format: FORMAT, key, retention: state.retention, legalHold: state.legalHold, recordedAt: timestamp(now) };
  return new TextEncoder().encode(`${JSON.stringify(record)}\n`);
}

function decode(key: string, count: number, bytes: Uint8Array): LockState {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw unreadable(key, count, "it is not JSON", error);
  }
  const parsed = Record.safeParse(json);
  if (!parsed.success) throw unreadable(key, count, z.prettifyError(parsed.error), parsed.error);
  if (parsed.data.key !== key) throw unreadable(key, count, `it is the record of ${JSON.stringify(parsed.data.key)}`);
  return { retention: parsed.data.retention, legalHold: parsed.data.legalHold };
}

function unreadable(key: string, count: number, why: string, cause?: unknown): SteleError {
  return new SteleError(
    "store.altered",
    `${recordName(key, count)}: the lock record is unreadable, so the lock of ${key} is not known: ${why}`,
    { cause },
  );
}
