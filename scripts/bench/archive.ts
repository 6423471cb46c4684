import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Contender, Missing } from "./contender.ts";
import { type EventsFile, inWords } from "./events-file.ts";
import { type Comparison, inFigures, inRatio } from "./figures.ts";
import { type Run, say } from "./process.ts";
import { archive, initPlace, verifierKey, verify } from "./stele.ts";
import { compress, decompressAndHash, digestOf } from "./zstd.ts";

/** Events of one size: all of them, and the first of them for what is slow. */
export interface Events {
  readonly small: boolean;
  readonly all: EventsFile;
  readonly part: EventsFile;
}

/** `archive FILE` into a folder, beside the contenders, in turns. */
export async function measureArchive(
  dir: string,
  { all, part, small }: Events,
  contenders: ReadonlyArray<Contender | Missing>,
  runs: number,
): Promise<Comparison> {
  const stele: Run[] = [];
  const others = contenders.map((contender) => ({ contender, runs: [] as Run[] }));
  let storedBytes = 0;
  for (let run = 1; run <= runs; run++) {
    say(`archive, ${inWords(small)}: run ${run} of ${runs}`);
    for (const { contender, runs: done } of others) {
      if ("missing" in contender) continue;
      done.push(await inFolder(dir, (folder) => contender.run(contender.slow ? part : all, folder)));
    }
    const archived = await inFolder(dir, async (folder) => archive(await initPlace(folder), all));
    storedBytes = archived.storedBytes;
    stele.push(archived);
  }
  const ours = inFigures("stele archive", stele, all);
  return {
    title: `archive, ${inWords(small)}`,
    storedBytes,
    stele: ours,
    beside: others.map(({ contender, runs: done }) => {
      if ("missing" in contender) return contender;
      const figures = inFigures(contender.name, done, contender.slow ? part : all);
      return {
        ...figures,
        ...inRatio(ours.megabytesPerSecond, figures.megabytesPerSecond, contender.wanted),
        note: contender.note,
      };
    }),
  };
}

/** `verify --level content` of an archive of all events, beside decompressing and hashing them in a pipe, in turns. */
export function measureVerify(dir: string, { all, small }: Events, runs: number): Promise<Comparison> {
  return inFolder(dir, async (folder) => {
    const place = await initPlace(folder);
    const { storedBytes } = await archive(place, all);
    const key = await verifierKey(place);
    const { path } = await compress(all, folder);
    const digest = await digestOf(all.path);
    const stele: Run[] = [];
    const bare: Run[] = [];
    for (let run = 1; run <= runs; run++) {
      say(`verify, ${inWords(small)}: run ${run} of ${runs}`);
      bare.push(await decompressAndHash(path, digest));
      stele.push(await verify(place, key, all));
    }
    const ours = inFigures("stele verify --level content", stele, all);
    const theirs = inFigures("zstd -d | openssl dgst -sha256", bare, all);
    const note =
      "the bare work, in two processes at a time; stele also checks every entry's place in the tree, signatures and locks";
    return {
      title: `verify, ${inWords(small)}`,
      storedBytes,
      stele: ours,
      beside: [{ ...theirs, ...inRatio(ours.megabytesPerSecond, theirs.megabytesPerSecond, 1), note }],
    };
  });
}

/** In an empty folder that is removed afterwards. */
export async function inFolder<T>(dir: string, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(dir, { recursive: true });
  const folder = await mkdtemp(join(dir, "run-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
