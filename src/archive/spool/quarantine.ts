import { basename, join } from "node:path";
import { timestamp } from "../../core/time.ts";
import { spoolDamaged } from "./failure.ts";
import type { SpoolFile, SpoolFiles } from "./files.ts";
import { FrameBuffer } from "./frame.ts";
import { drawMark, fileName, heading, interimName, type Mark } from "./heading.ts";
import { spellMeta } from "./payload.ts";
import type { Piece } from "./pieces.ts";
import { type Hole, scanFile } from "./scan.ts";

/** The source of entries that stand in the place of lost ones. */
export const QUARANTINE_SOURCE = "stele/quarantine";
export const QUARANTINE_FOLDER = "quarantine";

/** One damaged place. */
export interface Loss {
  readonly file: string;
  readonly offset: number;
  /** Entries lost; null when the damage leaves that open. */
  readonly lost: number | null;
  /** Where the damaged file is now; empty for one that was missing. */
  readonly keptAs: string;
}

interface Place {
  readonly folder: string;
  readonly files: SpoolFiles;
  readonly origin: string;
  readonly now: () => number;
  /** Forgets for good the ids of the entries of `from` to before `to`: they may come again. */
  readonly forget: (from: number, to: number) => void;
}

interface DamagedFile {
  readonly path: string;
  readonly first: number;
  readonly bytes: number;
  /** Index that the next file begins with; null for the last. */
  readonly next: number | null;
}

/** Entries of one frame of placeholders. */
const PLACEHOLDERS_A_FRAME = 4096;
/** A gap of more entries has another cause than damage. */
const MAX_GAP = 1 << 20;
const ENTRIES_A_FILE = 1 << 16;

/**
 * Moves a damaged file into `quarantine/` and puts one in its place in which each lost entry has a placeholder: whoever has
 * a receipt for a later entry finds it where it was promised.
 */
export async function setAside(place: Place, damaged: DamagedFile): Promise<readonly Loss[]> {
  const { folder, files, origin, forget } = place;
  const kept = join(folder, QUARANTINE_FOLDER);
  await files.makeFolder(kept);
  const keptAs = join(kept, freeName(fileName(damaged.first), await files.list(kept)));
  const losses: Loss[] = [];
  const lost: Pick<Hole, "first" | "lost">[] = [];
  const mended = await MendedFile.create(place, damaged.first, "mended");
  try {
    const file = await files.open(damaged.path);
    try {
      for await (const finding of scanFile({ file, bytes: damaged.bytes, origin, first: damaged.first, next: damaged.next })) {
        if (finding.kind === "frame") {
          await mended.add([{ meta: "", bytes: [finding.payload] }], finding.header.count);
        } else if (finding.kind === "hole") {
          losses.push(await fillHole(mended, damaged, finding, keptAs));
          lost.push(finding);
        }
      }
    } finally {
      await file.close();
    }
    await mended.sync();
  } finally {
    await mended.close();
  }
  // Ids go first: once a file is mended, no open finds the damage again.
  for (const { first, lost: count } of lost) forget(first, count === null ? Number.MAX_SAFE_INTEGER : first + count);
  // The mended file's name must last before the damaged one's goes: whichever of them a crash leaves, the next open ends this.
  await files.syncFolder(folder);
  await files.rename(damaged.path, keptAs);
  await files.syncFolder(kept);
  if (mended.count === 0) {
    await files.remove(mended.path);
  } else {
    await files.rename(mended.path, damaged.path);
  }
  await files.syncFolder(folder);
  return losses;
}

/** Makes files of placeholders for entries whose files are gone. */
export async function fillGap(place: Place, from: number, to: number): Promise<readonly Loss[]> {
  const { folder, files, forget } = place;
  const path = join(folder, fileName(from));
  if (to - from > MAX_GAP) {
    throw spoolDamaged(path, 0, `the files of ${to - from} entries are missing, which is too many to fill up by placeholders`);
  }
  forget(from, to);
  for (let first = from; first < to; first += ENTRIES_A_FILE) {
    const mended = await MendedFile.create(place, first, "filler");
    try {
      await mended.addPlaceholders(Math.min(ENTRIES_A_FILE, to - first), "the file is missing", path, 0);
      await mended.sync();
    } finally {
      await mended.close();
    }
    await files.rename(mended.path, join(folder, fileName(first)));
  }
  await files.syncFolder(folder);
  return [{ file: path, offset: 0, lost: to - from, keptAs: "" }];
}

async function fillHole(mended: MendedFile, damaged: DamagedFile, hole: Hole, keptAs: string): Promise<Loss> {
  const { offset, reason, lost } = hole;
  if (lost !== null && (lost < 0 || lost > MAX_GAP)) {
    throw spoolDamaged(damaged.path, offset, `${reason}, and its entries and those of its neighbours contradict each other`);
  }
  const said = lost === null ? `${reason}; how many entries were lost is not known` : reason;
  await mended.addPlaceholders(lost ?? 1, said, damaged.path, offset);
  return { file: damaged.path, offset, lost, keptAs };
}

function freeName(name: string, taken: readonly { readonly name: string }[]): string {
  const names = new Set(taken.map((file) => file.name));
  let free = name;
  for (let i = 2; names.has(free); i++) free = `${name}.${i}`;
  return free;
}

/** A spool file that is written anew. */
class MendedFile {
  readonly path: string;
  count = 0;
  readonly #file: SpoolFile;
  readonly #frames = new FrameBuffer();
  readonly #mark: Mark = drawMark();
  readonly #place: Place;
  readonly #first: number;
  #bytes = 0;

  private constructor(place: Place, first: number, path: string, file: SpoolFile) {
    this.path = path;
    this.#place = place;
    this.#first = first;
    this.#file = file;
  }

  static async create(place: Place, first: number, kind: "mended" | "filler"): Promise<MendedFile> {
    const path = join(place.folder, interimName(first, kind));
    return new MendedFile(place, first, path, await place.files.create(path));
  }

  async add(pieces: readonly Piece[], count: number): Promise<void> {
    const lead = this.#bytes === 0 ? heading(this.#place.origin, this.#first, this.#mark) : "";
    const place = { lead, position: this.#bytes, mark: this.#mark, first: this.#first + this.count, count };
    const frame = this.#frames.assemble(place, pieces);
    await this.#file.write(frame, this.#bytes);
    this.#bytes += frame.length;
    this.count += count;
  }

  async addPlaceholders(count: number, reason: string, file: string, offset: number): Promise<void> {
    // Its name alone: what a host calls its folders is nobody's business in the log.
    const entry = Buffer.from(`${JSON.stringify({ stele: "lost", reason, file: basename(file), offset })}\n`);
    const time = timestamp(this.#place.now());
    for (let left = count; left > 0; left -= PLACEHOLDERS_A_FRAME) {
      const here = Math.min(left, PLACEHOLDERS_A_FRAME);
      const bytes = Buffer.alloc(entry.length * here, entry);
      await this.add(
        [{ meta: spellMeta({ bytes: bytes.length, count: here, time, source: QUARANTINE_SOURCE }), bytes: [bytes] }],
        here,
      );
    }
  }

  sync(): Promise<void> {
    return this.#file.datasync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
