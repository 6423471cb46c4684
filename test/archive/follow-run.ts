import { readdir, readlink, rm } from "node:fs/promises";
import { expect } from "vitest";
import { follow, type FollowedLines, type FollowNotice, type FollowOptions } from "../../src/archive/input/follow.ts";

/** A following that looks at the file only when it is told to. */
export class FollowRun {
  readonly notices: string[] = [];
  readonly batches: FollowedLines[] = [];
  error: unknown = null;
  ended = false;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  /** Ends the wait that the following is in. */
  #goOn: (() => void) | null = null;
  #parked: (() => void) | null = null;

  constructor(path: string, options: Partial<FollowOptions> = {}) {
    const lines = follow(path, {
      cursor: null,
      stop: this.#stop.signal,
      maxEventBytes: 1 << 20,
      onNotice: ({ kind, path: at, offset }: FollowNotice) => this.notices.push(`${kind} ${at.split("/").at(-1)} ${offset}`),
      wait: (signal) =>
        new Promise((resolve) => {
          const end = (): void => resolve("poll");
          this.#goOn = end;
          signal.addEventListener("abort", end, { once: true });
          this.#parked?.();
        }),
      ...options,
    });
    this.#done = this.#collect(lines);
  }

  get text(): string {
    return Buffer.concat(this.batches.map(({ bytes }) => bytes)).toString();
  }

  /** Of the last lines. */
  get cursor(): string | null {
    return this.batches.at(-1)?.cursor ?? null;
  }

  /** Until there is nothing more to read for now. */
  async idle(): Promise<this> {
    if (this.#goOn === null && !this.ended) {
      await Promise.race([new Promise<void>((resolve) => (this.#parked = resolve)), this.#done]);
    }
    return this;
  }

  /** Lets it look again, `times` times. */
  async poll(times = 1): Promise<this> {
    for (let i = 0; i < times; i++) {
      await this.idle();
      const goOn = this.#goOn;
      this.#goOn = null;
      goOn?.();
      await this.idle();
    }
    return this;
  }

  async stop(): Promise<this> {
    this.#stop.abort();
    await this.#done;
    return this;
  }

  /** Until it ends by itself. */
  async end(): Promise<this> {
    await this.#done;
    return this;
  }

  async #collect(lines: AsyncGenerator<FollowedLines, void, undefined>): Promise<void> {
    try {
      for await (const batch of lines) this.batches.push(batch);
    } catch (error) {
      this.error = error;
    }
    this.ended = true;
  }
}

/** What one following from `cursor` finds, looking `polls` times after the first. */
export async function followOnce(path: string, options: Partial<FollowOptions> = {}, polls = 3): Promise<FollowRun> {
  const run = await new FollowRun(path, options).poll(polls);
  return run.stop();
}

/** The files below `folder` that this process holds open; null where the system does not say. */
export async function openFiles(folder: string): Promise<string[] | null> {
  const numbers = await readdir("/proc/self/fd").catch(() => null);
  if (numbers === null) return null;
  const targets = await Promise.all(numbers.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return targets.filter((target) => target.startsWith(folder));
}

/** Removes a test's folder, of which nothing may be open any more. */
export async function removeUnused(folder: string): Promise<void> {
  const left = await openFiles(folder);
  await rm(folder, { recursive: true });
  expect(left ?? []).toEqual([]);
}
