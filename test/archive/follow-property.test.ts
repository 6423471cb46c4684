import { appendFile, copyFile, mkdtemp, readFile, rename, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { FollowedLines } from "../../src/archive/input/follow.ts";
import { FollowRun, removeUnused } from "./follow-run.ts";

/**
 * What may happen to a log: its writer writes lines or a part of one; it is renamed (the writer goes on in the old file until
 * it opens the new one), copied and emptied, an old file is compressed; the follower looks, is started again, or is started
 * again with a cursor that is some batches old, as when what came after was not kept.
 */
type Step =
  | { readonly kind: "write"; readonly lines: number }
  | { readonly kind: "part" | "rename" | "reopen" | "copytruncate" | "compress" | "poll" | "restart" }
  | { readonly kind: "forget"; readonly batches: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("write" as const), lines: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constantFrom("part" as const, "rename", "reopen", "reopen", "copytruncate", "compress", "poll", "poll", "restart"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget" as const), batches: fc.integer({ min: 1, max: 3 }) }) },
);

/** The log's side, and what a reader that misses nothing has to find. */
class Writer {
  readonly path: string;
  /** Where the writer writes: the followed path, or what it was renamed to. */
  #writing: string;
  /** Of each rotated file, the newest first: its ending, and when it was last written to. */
  #rotated: string[] = [];
  #times: number[] = [];
  #part = false;
  #number = 0;
  /** Seconds; each write has its own, so that the order of the files does not depend on the clock's ticks. */
  #time = 1_000_000;
  expected = "";

  constructor(path: string) {
    this.path = path;
    this.#writing = path;
  }

  async write(lines: number): Promise<void> {
    let text = "";
    for (let i = 0; i < lines; i++) text += i === 0 && this.#part ? " ended\n" : `event ${this.#number++}\n`;
    this.#part = false;
    await this.#append(text);
  }

  async part(): Promise<void> {
    await this.#append(this.#part ? " more" : `event ${this.#number++}`);
    this.#part = true;
  }

  /** Renames as logrotate does, `.1` being the newest; nothing while the writer has not opened the last new file. */
  async rename(): Promise<void> {
    if (this.#writing !== this.path || this.expected === "") return;
    await this.#shift();
    await rename(this.path, `${this.path}.1`);
    this.#writing = `${this.path}.1`;
  }

  async reopen(): Promise<void> {
    if (this.#writing === this.path) return;
    // What the old file ends with is an event, though its line feed never came.
    if (this.#part) this.expected += "\n";
    this.#part = false;
    this.#writing = this.path;
    await this.#append(`event ${this.#number++}\n`);
  }

  /** Only between two lines: what comes after a torn one is in no file a line any more. */
  async copytruncate(): Promise<void> {
    if (this.#writing !== this.path || this.#part || this.expected === "") return;
    await this.#shift();
    await copyFile(this.path, `${this.path}.1`);
    await utimes(`${this.path}.1`, this.#time, this.#time);
    await truncate(this.path, 0);
    await this.#append(`event ${this.#number++}\n`);
  }

  /** The oldest that is not, and never the newest, which may still be written to. */
  async compress(): Promise<void> {
    const at = this.#rotated.findLastIndex((ending) => ending === "");
    if (at < 1) return;
    const path = `${this.path}.${at + 1}`;
    const seconds = this.#times[at] ?? 0;
    await writeFile(`${path}.gz`, gzipSync(await readFile(path)));
    await utimes(`${path}.gz`, seconds, seconds);
    await rm(path);
    this.#rotated[at] = ".gz";
  }

  async #shift(): Promise<void> {
    for (let i = this.#rotated.length; i > 0; i--) {
      const ending = this.#rotated[i - 1] ?? "";
      await rename(`${this.path}.${i}${ending}`, `${this.path}.${i + 1}${ending}`);
    }
    this.#rotated.unshift("");
    this.#times.unshift(this.#time);
  }

  async #append(text: string): Promise<void> {
    await appendFile(this.#writing, text);
    this.#time++;
    await utimes(this.#writing, this.#time, this.#time);
    if (this.#writing !== this.path) this.#times[0] = this.#time;
    this.expected += text;
  }
}

/** Looks until that much was read, and a few times more, in which nothing else may come. */
async function toTheEnd(run: FollowRun, bytes: number): Promise<void> {
  for (let looks = 0; looks < 200 && sizeOf(run.batches) < bytes; looks++) await run.poll();
  await run.poll(4);
}

function sizeOf(batches: readonly FollowedLines[]): number {
  return batches.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

async function play(steps: readonly Step[], batchBytes: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "stele-follow-"));
  try {
    const writer = new Writer(join(folder, "app.log"));
    let kept: FollowedLines[] = [];
    const notices: string[] = [];
    const start = (): FollowRun => new FollowRun(writer.path, { cursor: kept.at(-1)?.cursor ?? null, batchBytes });
    const stop = async (run: FollowRun): Promise<void> => {
      await run.stop();
      expect(run.error).toBeNull();
      kept = [...kept, ...run.batches];
      notices.push(...run.notices);
    };
    // Without a cursor, nothing tells what was before the file that is there now.
    await writer.write(1);
    let run = await start().idle();
    for (const next of steps) {
      if (next.kind === "write") await writer.write(next.lines);
      else if (next.kind === "poll") await run.poll();
      else if (next.kind === "restart" || next.kind === "forget") {
        await stop(run);
        if (next.kind === "forget") kept = kept.slice(0, Math.max(1, kept.length - next.batches));
        run = await start().idle();
      } else {
        // A file that was begun and emptied between two looks was never seen.
        if (next.kind === "copytruncate") await toTheEnd(run, writer.expected.length - sizeOf(kept));
        await writer[next.kind]();
      }
    }
    await writer.reopen();
    await writer.write(1);
    await toTheEnd(run, writer.expected.length - sizeOf(kept));
    await stop(run);
    expect(Buffer.concat(kept.map(({ bytes }) => bytes)).toString()).toBe(writer.expected);
    for (const [i, { cursor }] of kept.entries()) {
      const again = new FollowRun(writer.path, { cursor, batchBytes: 1000 });
      await toTheEnd(again, sizeOf(kept.slice(i + 1)));
      await again.stop();
      const rest = Buffer.concat(kept.slice(i + 1).map(({ bytes }) => bytes)).toString();
      expect(again.text, `after batch ${i}; ${again.notices.join(", ")}`).toBe(rest);
    }
    expect(notices.filter((notice) => notice.startsWith("lost-place"))).toEqual([]);
  } finally {
    await removeUnused(folder);
  }
}

test("however a log is written, rotated, emptied and compressed and its follower started again: each event once, in order", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40, size: "max" }), fc.constantFrom(5, 16, 1000), play), {
    numRuns: 60,
  });
});
