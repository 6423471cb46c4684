import { readFile } from "node:fs/promises";
import { finished, Writable } from "node:stream";
import { z } from "zod";
import type { Log } from "./archive/log/log.ts";
import type { LogOptions } from "./archive/log/log-options.ts";
import { openArchive, type OpenArchiveOptions } from "./archive/log/open-archive.ts";
import { isSteleError, SteleError } from "./core/error.ts";
import { parseKeyFile, type Signer } from "./core/key.ts";

/** Options of the pino transport: plain values, since they go to a worker thread. */
export interface PinoTransportOptions
  extends
    Pick<OpenArchiveOptions, "s3" | "threads" | "writerId">,
    Pick<LogOptions, "source" | "limits" | "maxSpoolBytes" | "onFull" | "lingerMillis" | "uploads" | "heartbeatMillis"> {
  /** Where the archive lies: `s3://bucket/prefix` or a folder. */
  readonly archive: string;
  readonly log: string;
  /** Path of the signing key's file. */
  readonly keyFile: string;
  /** Folder on a local disk, where lines wait for the store. */
  readonly spool: string;
  /** vkeys to believe, where they are not the signing key's own. */
  readonly keys?: readonly string[] | undefined;
  /**
   * At the end, how long the store is waited for, in milliseconds; what it has not taken by then stays in the spool. Default
   * 5,000; at most 9,000, since pino itself gives up on a transport after 10 seconds.
   */
  readonly drainMillis?: number | undefined;
}

const LF = 0x0a;
const NOTHING = Buffer.alloc(0);
const DEFAULT_DRAIN_MILLIS = 5_000;
const MAX_DRAIN_MILLIS = 9_000;

const text = z.string().min(1);
const positive = z.int().min(1);
/** Longer than this, a timer of Node's goes off at once: a heartbeat of thirty days would be a thousand a second. */
const millis = z.int().max(2 ** 31 - 1);
const schema: z.ZodType<PinoTransportOptions> = z.strictObject({
  archive: text,
  log: text,
  keyFile: text,
  spool: text,
  keys: z.array(text).min(1).optional(),
  drainMillis: z.int().min(0).max(MAX_DRAIN_MILLIS).optional(),
  s3: z
    .strictObject({
      endpoint: text.optional(),
      region: text.optional(),
      pathStyle: z.boolean().optional(),
      checksum: z.enum(["auto", "sha256", "md5"]).optional(),
    })
    .optional(),
  threads: positive.optional(),
  writerId: text.optional(),
  source: text.optional(),
  limits: z
    .strictObject({
      bytes: positive.exactOptional(),
      entries: positive.exactOptional(),
      entryBytes: positive.exactOptional(),
      ageMillis: millis.min(1).exactOptional(),
    })
    .optional(),
  maxSpoolBytes: positive.optional(),
  onFull: z.enum(["wait", "refuse"]).optional(),
  lingerMillis: millis.min(0).optional(),
  uploads: positive.optional(),
  heartbeatMillis: millis.min(1000).optional(),
});

/**
 * A pino transport: `pino({ transport: { target: "stele/pino", options } })`. Each line that pino writes becomes an event,
 * byte for byte, and is archived from the spool. pino does not wait for its transport: a line is safe on the local disk when
 * `logger.flush(done)` calls back, or when the transport has ended.
 *
 * The stream fails when the log does (no permission, another writer, a broken disk), and when its options are wrong. pino
 * passes that on as its transport's `error`, of which only the message comes through: it begins with the error's code.
 */
// oxlint-disable-next-line import/no-default-export -- pino takes a module's default export
export default async function pinoTransport(given: PinoTransportOptions): Promise<Writable> {
  try {
    return await open(parseOptions(given));
  } catch (error) {
    throw withCode(error);
  }
}

async function open(options: PinoTransportOptions): Promise<Writable> {
  const { archive: place, log: name, keyFile, spool, keys, s3, threads, writerId, drainMillis, ...rest } = options;
  const signer = await readSigner(keyFile);
  const archive = await openArchive(place, { signer, spool, keys, s3, threads, writerId });
  const stopped = new AbortController();
  const log = archive.log(name, { source: "pino", ...rest, observer: { stopped: (error) => stopped.abort(error) } });
  await log.open();
  const lines = new LineWriter(log, () => archive.close({ signal: AbortSignal.timeout(drainMillis ?? DEFAULT_DRAIN_MILLIS) }));
  // Said at once: the next line may be long in coming.
  const fail = (): void => void lines.destroy(withCode(stopped.signal.reason));
  if (stopped.signal.aborted) fail();
  stopped.signal.addEventListener("abort", fail);
  return lines;
}

/** @throws SteleError `input.invalid`, naming all that is wrong */
function parseOptions(given: object): PinoTransportOptions {
  // What pino adds to the options of its user.
  const own = Object.entries(given).filter(([key]) => !/^(?:\$|pino|levels$|dedupe$)/.test(key));
  const parsed = schema.safeParse(Object.fromEntries(own));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const at = issue.path.map(String);
    if (issue.code !== "unrecognized_keys") return `${at.join(".")}: ${issue.message}`;
    return `unknown: ${issue.keys.map((key) => [...at, key].join(".")).join(", ")}`;
  });
  throw new SteleError("input.invalid", `options of stele/pino: ${problems.join("; ")}`);
}

async function readSigner(path: string): Promise<Signer> {
  let file: string;
  try {
    file = await readFile(path, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SteleError("input.unreadable", `options of stele/pino: keyFile: ${reason}`, { cause });
  }
  return parseKeyFile(file);
}

/** Between threads an error keeps its message, and loses its code. */
function withCode(error: unknown): Error {
  if (isSteleError(error)) return new Error(`${error.code}: ${error.message}`, { cause: error });
  return error instanceof Error ? error : new Error(String(error));
}

type Done = (error?: Error | null) => void;

/** A stream that appends the lines written to it; what has no line feed waits for it, and is an event at the end. */
class LineWriter extends Writable {
  readonly #log: Log;
  readonly #close: () => Promise<void>;
  #unfinished: Buffer = NOTHING;

  constructor(log: Log, close: () => Promise<void>) {
    super();
    this.#log = log;
    this.#close = close;
  }

  /** Calls back when all lines written before are on the disk. The worker of pino's transports looks for this method. */
  flush(done: Done): void {
    if (this.writableEnded) finished(this, { readable: false }, done);
    else this.write(NOTHING, done);
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    void settle(this.#take(chunk), done);
  }

  /** All that came while the disk was busy goes to it at once. */
  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Done): void {
    void settle(this.#take(Buffer.concat(chunks.map(({ chunk }) => chunk))), done);
  }

  override _final(done: Done): void {
    void settle(this.#unfinished.length === 0 ? Promise.resolve() : this.#take(Buffer.of(LF)), done);
  }

  override _destroy(error: Error | null, done: Done): void {
    void settle(this.#close(), (failure) => done(error ?? failure));
  }

  async #take(chunk: Buffer): Promise<void> {
    const whole = this.#unfinished.length === 0 ? chunk : Buffer.concat([this.#unfinished, chunk]);
    const end = whole.lastIndexOf(LF) + 1;
    this.#unfinished = whole.subarray(end);
    if (end > 0) await this.#log.appendLines(whole.subarray(0, end));
  }
}

async function settle(work: Promise<void>, done: Done): Promise<void> {
  let failure: Error | null = null;
  try {
    await work;
  } catch (error) {
    failure = withCode(error);
  }
  done(failure);
}
