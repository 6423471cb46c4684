import type { LogWriter } from "../../src/archive/log-writer.ts";
import { orderedMap } from "../../src/archive/ordered-map.ts";
import type { NewAppend } from "../../src/archive/provenance.ts";
import { type SealedSegment, sealSegment } from "../../src/archive/segment/seal.ts";
import type { Commit } from "../../src/core/commit.ts";
import { timestamp } from "../../src/core/time.ts";
import { NOW, rawOf } from "./fixture.ts";

/** Entries that are to be one segment, the same at every try. */
export interface Portion {
  readonly first: number;
  readonly lines: readonly string[];
  readonly appends: readonly NewAppend[];
}

/** Portions of two and three entries in turns, from entry `first` on, that all arrived at `at`. */
export function portions(count: number, { first = 0, at = NOW }: { first?: number; at?: number } = {}): Portion[] {
  let next = first;
  return Array.from({ length: count }, (_, i) => {
    const lines = Array.from({ length: 2 + (i % 2) }, (_unused, n) => `entry ${next + n} in portion ${i}`);
    const portion = { first: next, lines, appends: [{ count: lines.length, time: timestamp(at), source: "test" }] };
    next += lines.length;
    return portion;
  });
}

export function textOf(all: readonly Portion[]): string {
  return all.flatMap(({ lines }) => lines.map((line) => `${line}\n`)).join("");
}

export function seal({ lines }: Portion): SealedSegment {
  return sealSegment(rawOf(lines));
}

/** Archives what the log does not hold yet: three uploads under way at a time, commits in order. */
export async function archivePortions(writer: LogWriter, all: readonly Portion[], width = 3): Promise<Commit[]> {
  const left = all.filter(({ first }) => first >= writer.nextEntry);
  const commits: Commit[] = [];
  const upload = async (portion: Portion): ReturnType<LogWriter["upload"]> => {
    const sealed = seal(portion);
    const uploaded = await writer.upload(sealed, portion.appends, portion.first);
    // As whoever archives megabytes does.
    sealed.stored.buffer.transfer(0);
    return uploaded;
  };
  for await (const uploaded of orderedMap(left, width, upload)) commits.push(await writer.commitUploaded(uploaded));
  return commits;
}
