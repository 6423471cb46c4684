import { z } from "zod";
import { sha256 } from "#sha256";
import { toHex, utf8 } from "../../core/bytes.ts";
import { type Clock, clockSchema } from "./clock.ts";
import { type Duplicates, duplicatesSchema, filterSchema, RecentHashes } from "./duplicates.ts";
import { type Rate, rateSchema } from "./rate.ts";
import { type Sequence, sequenceSchema } from "./sequence.ts";
import { type Silence, silenceSchema } from "./silence.ts";

/** What is remembered of one source of a log. */
export interface Stream {
  /** Its name, shortened where it is very long. */
  readonly source: string;
  silence?: Silence | undefined;
  rate?: Rate | undefined;
  clock?: Clock | undefined;
  duplicates?: Duplicates | undefined;
  sequence?: Sequence | undefined;
}

const streamSchema: z.ZodType<Stream> = z.object({
  source: z.string(),
  silence: silenceSchema.optional(),
  rate: rateSchema.optional(),
  clock: clockSchema.optional(),
  duplicates: duplicatesSchema.optional(),
  sequence: sequenceSchema.optional(),
});
const schema = z.object({
  clock: z.int(),
  forgotten: z.int().min(0),
  streams: z.array(streamSchema),
  recent: filterSchema.optional(),
});

/** Keeps the notes within a few hundred kB. The sources that sent nothing for longest go first. */
const MAX_STREAMS = 400;
const MAX_SOURCE = 120;

/** What is remembered of the sources of one log. Time is that of arrival, which never runs back here. */
export class Streams {
  #clock = 0;
  #forgotten = 0;
  #recent: RecentHashes | null = null;
  /** In order of last use. */
  readonly #streams = new Map<string, Stream>();

  /** Reads what {@link format} wrote; anything else begins anew. */
  static read(notes: string | null): Streams {
    const streams = new Streams();
    const parsed = schema.safeParse(parseJson(notes));
    if (!parsed.success) return streams;
    streams.#clock = parsed.data.clock;
    streams.#forgotten = parsed.data.forgotten;
    for (const stream of parsed.data.streams) streams.#streams.set(stream.source, stream);
    if (parsed.data.recent !== undefined) streams.#recent = RecentHashes.read(parsed.data.recent);
    return streams;
  }

  /** One line of JSON. */
  format(): string {
    return JSON.stringify({
      clock: this.#clock,
      forgotten: this.#forgotten,
      streams: [...this.#streams.values()],
      ...(this.#recent === null ? {} : { recent: this.#recent.format() }),
    });
  }

  get clock(): number {
    return this.#clock;
  }

  /** Sources that were given up for want of room, ever. */
  get forgotten(): number {
    return this.#forgotten;
  }

  advance(time: number): number {
    this.#clock = Math.max(this.#clock, time);
    return this.#clock;
  }

  all(): Stream[] {
    return [...this.#streams.values()];
  }

  /** A source that sends something now. */
  use(name: string): Stream {
    const source = shorten(name);
    const stream: Stream = this.#streams.get(source) ?? { source };
    this.#streams.delete(source);
    this.#streams.set(source, stream);
    for (const oldest of this.#streams.keys()) {
      if (this.#streams.size <= MAX_STREAMS) break;
      this.#streams.delete(oldest);
      this.#forgotten++;
    }
    return stream;
  }

  get recent(): RecentHashes {
    this.#recent ??= new RecentHashes(this.#clock);
    return this.#recent;
  }
}

function shorten(source: string): string {
  if (source.length <= MAX_SOURCE) return source;
  return `${source.slice(0, 80).toWellFormed()}#${toHex(sha256(utf8(source.toWellFormed()))).slice(0, 16)}`;
}

function parseJson(notes: string | null): unknown {
  try {
    return notes === null ? null : JSON.parse(notes);
  } catch {
    return null;
  }
}
