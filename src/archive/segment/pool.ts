import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { SteleError } from "../../core/error.ts";
import { type OpenedSegment, openSegment, type SegmentPromise } from "./open.ts";
import { type SealedSegment, sealSegment } from "./seal.ts";
import type { NewAppend } from "../provenance.ts";
import type { WrittenFile } from "../spool/read-back.ts";
import type { Request, Response } from "./worker.ts";

type Job = {
  readonly request: Request;
  readonly moved: ArrayBuffer[];
  done(response: Response): void;
  failed(error: Error): void;
};

/** More threads than this wait for the one that reads, chains and commits, and each costs memory for a segment. */
const DEFAULT_WIDTH = 3;
/** Below this a thread costs more than it saves. */
export const INLINE_BYTES: number = 128 * 1024;

/**
 * Worker threads that seal and open segments. Threads start when there is work for them; {@link close} ends them.
 * Buffers handed in are moved to a thread and must not be used until they come back.
 */
export class SegmentPool implements AsyncDisposable {
  /** How many segments are worked on at a time. */
  readonly width: number;
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Job>();
  readonly #queue: Job[] = [];
  #nextId = 0;
  #closed = false;

  constructor(width: number = Math.min(DEFAULT_WIDTH, availableParallelism())) {
    this.width = width;
  }

  /** Seals the first `length` bytes of `buffer`; gives the buffer back for its next use. */
  async seal(buffer: ArrayBuffer, length: number): Promise<{ sealed: SealedSegment; buffer: ArrayBuffer }> {
    if (length < INLINE_BYTES) return { sealed: sealSegment(new Uint8Array(buffer, 0, length)), buffer };
    const response = await this.#run({ kind: "seal", id: this.#nextId++, buffer, length }, [buffer]);
    if (response.kind !== "sealed") throw new Error("segment worker answered something else");
    return response;
  }

  /**
   * Reads a spool file back and seals it: the memory and the work are the thread's.
   * @throws SteleError `spool.damaged`, `spool.failed`
   */
  async sealFile(
    origin: string,
    { path, first, count, rawBytes, fileBytes }: WrittenFile,
  ): Promise<{ sealed: SealedSegment; appends: readonly NewAppend[] }> {
    const file = { path, first, count, rawBytes, fileBytes };
    const response = await this.#run({ kind: "seal-file", id: this.#nextId++, origin, file }, []);
    if (response.kind !== "sealed-file") throw new Error("segment worker answered something else");
    return response;
  }

  /**
   * Checks a stored segment against its manifest. Without `keepRaw` the entries themselves do not come back.
   * @throws SteleError `format.segment`, `proof.entry`
   */
  async open(stored: Uint8Array<ArrayBuffer>, promise: SegmentPromise, keepRaw: boolean): Promise<OpenedSegment> {
    if (promise.rawBytes < INLINE_BYTES && stored.length < INLINE_BYTES) return openSegment(stored, promise);
    const whole = stored.byteLength === stored.buffer.byteLength ? stored : stored.slice();
    const response = await this.#run({ kind: "open", id: this.#nextId++, stored: whole, promise, keepRaw }, [whole.buffer]);
    if (response.kind !== "opened") throw new Error("segment worker answered something else");
    return response.opened;
  }

  /** Ends all threads; work under way fails. */
  async close(): Promise<void> {
    this.#closed = true;
    const workers = [...this.#idle, ...this.#busy.keys()];
    this.#idle.length = 0;
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #run(request: Request, moved: ArrayBuffer[]): Promise<Response> {
    if (this.#closed) return Promise.reject(new Error("segment pool is closed"));
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, moved, done: resolve, failed: reject });
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const worker = this.#idle.pop() ?? (this.#busy.size < this.width ? this.#start() : undefined);
      const job = worker === undefined ? undefined : this.#queue.shift();
      if (worker === undefined || job === undefined) return;
      this.#busy.set(worker, job);
      worker.ref();
      worker.postMessage(job.request, job.moved);
    }
  }

  #start(): Worker {
    // The sources run as they are in a checkout's tests, and as JavaScript in the package.
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const worker = new Worker(new URL(`./worker.${extension}`, import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
      // A program that was given on the command line is not a thread's to run.
      ...(extension === "js" ? { execArgv: [] } : {}),
    });
    worker.on("message", (response: Response) => {
      const job = this.#busy.get(worker);
      this.#busy.delete(worker);
      worker.unref();
      this.#idle.push(worker);
      if (response.kind === "failed") {
        job?.failed(errorOf(response));
      } else {
        job?.done(response);
      }
      this.#dispatch();
    });
    const lost = (error: Error): void => {
      const job = this.#busy.get(worker);
      this.#busy.delete(worker);
      job?.failed(error);
      if (!this.#closed) this.#dispatch();
    };
    worker.on("error", lost);
    worker.on("exit", () => lost(new Error("a segment worker ended before its work was done")));
    return worker;
  }
}

function errorOf({ code, message, errno }: Extract<Response, { kind: "failed" }>): Error {
  if (code === null) return new Error(message);
  const cause = errno === null ? undefined : Object.assign(new Error(message), { code: errno, syscall: "read" });
  return new SteleError(code, message, { cause });
}
