import { join } from "node:path";
import { SteleError } from "../../core/error.ts";
import { type Timestamp, toMillis } from "../../core/time.ts";
import type { ClosedFile } from "./delivery.ts";
import { spoolDamaged } from "./failure.ts";
import type { SpoolFiles } from "./files.ts";
import { fileName, parseHeading, parseName } from "./heading.ts";
import { fillGap, type Loss, setAside } from "./quarantine.ts";
import { type FoundFrame, type Hole, scanFile, writtenLength } from "./scan.ts";
import type { IdRecord, SpoolState } from "./state.ts";

export interface RecoveryOptions {
  readonly folder: string;
  readonly origin: string;
  readonly files: SpoolFiles;
  readonly state: SpoolState;
  readonly quarantine: boolean;
  readonly now: () => number;
}

export interface RecoveredFile extends ClosedFile {
  readonly cursors: ReadonlyMap<string, string>;
}

export interface Recovered {
  readonly files: readonly RecoveredFile[];
  readonly tornBytes: number;
  readonly quarantined: readonly Loss[];
}

interface Listed {
  readonly name: string;
  readonly bytes: number;
  readonly first: number;
}

/**
 * Finds out what a spool's files hold: removes what was archived or never acknowledged, and refuses what is damaged, or
 * sets it aside.
 */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { folder, files, origin, state, quarantine, now } = options;
  const place = { folder, files, origin, now, forget: (from: number, to: number) => state.forgetLost(from, to) };
  await finishMending(options);
  let listed = await listFiles(options);
  await checkOrigin(options, listed);
  const recovered: RecoveredFile[] = [];
  const quarantined: Loss[] = [];
  let tornBytes = 0;
  let expected = state.stand;
  for (let i = 0; i < listed.length; i++) {
    const file = listed[i];
    if (file === undefined) break;
    const next = listed[i + 1]?.first ?? null;
    if (expected !== null && file.first !== expected) {
      const path = join(folder, fileName(expected));
      if (file.first < expected) {
        throw spoolDamaged(
          join(folder, file.name),
          0,
          `it begins before entry ${expected}, where the log stood with nothing spooled`,
        );
      }
      if (!quarantine) throw spoolDamaged(path, 0, `the file is missing: the next begins with entry ${file.first}`);
      // Begin again with the new files in the list.
      quarantined.push(...(await fillGap(place, expected, file.first)));
      listed = await listFiles(options);
      i = listed.findIndex(({ first }) => first === expected) - 1;
      continue;
    }
    const found = await readFile(options, file, next);
    if (found.hole !== null) {
      const { path } = found;
      if (!quarantine) throw spoolDamaged(path, found.hole.offset, found.hole.reason);
      quarantined.push(...(await setAside(place, { path, first: file.first, bytes: found.written, next })));
      listed = await listFiles(options);
      // Where nothing was left of it, the next file stands in its place.
      i--;
      continue;
    }
    tornBytes += found.written - (found.count === 0 ? 0 : found.intact);
    if (found.count === 0) {
      // Nothing in it was ever acknowledged.
      await files.remove(found.path);
      await files.syncFolder(folder);
      continue;
    }
    if (found.intact < file.bytes) await cutOff(files, found.path, found.intact);
    expected = file.first + found.count;
    if (expected > state.idsUntil) await state.storeIds(found.ids, expected, now());
    const { path, count, rawBytes, since, cursors } = found;
    if (since === null) throw new TypeError("a spool file with entries has the time of the first");
    recovered.push({ path, first: file.first, count, rawBytes, fileBytes: found.intact, since, cursors });
  }
  return { files: recovered, tornBytes, quarantined };
}

/** A mended file is whole before the damaged one goes: without that one it takes its place. All others are made again. */
async function finishMending({ folder, files }: RecoveryOptions): Promise<void> {
  const names = (await files.list(folder)).map(({ name }) => name);
  for (const name of names) {
    const first = parseName(name, "mended");
    if (parseName(name, "filler") !== null || (first !== null && names.includes(fileName(first)))) {
      await files.remove(join(folder, name));
    } else if (first !== null) {
      await files.rename(join(folder, name), join(folder, fileName(first)));
      await files.syncFolder(folder);
    }
  }
}

/** The spool files in order, after those are removed that were archived already, or have nothing in them. */
async function listFiles({ folder, files, state }: RecoveryOptions): Promise<readonly Listed[]> {
  const archived = state.remembered?.next ?? 0;
  const listed: Listed[] = [];
  for (const { name, bytes } of await files.list(folder)) {
    const first = parseName(name, "spool");
    if (first === null && parseName(name, "spare") === null) continue;
    if (first === null || first < archived) await files.remove(join(folder, name));
    else listed.push({ name, bytes, first });
  }
  return listed;
}

/** @throws SteleError `input.invalid` when this is another log's spool */
async function checkOrigin({ folder, files, origin, state }: RecoveryOptions, listed: readonly Listed[]): Promise<void> {
  let owner = state.origin;
  if (owner === null) {
    for (const { name } of listed) owner ??= await readOrigin(files, join(folder, name));
  }
  if (owner !== null && owner !== origin) {
    throw new SteleError(
      "input.invalid",
      `spool ${folder}: expected one of log ${origin}, got one of ${owner}; a log needs a spool folder of its own`,
    );
  }
  if (state.origin === null) state.origin = origin;
}

async function readOrigin(files: SpoolFiles, path: string): Promise<string | null> {
  const file = await files.open(path);
  try {
    const start = Buffer.alloc(HEADING_ROOM);
    const read = await file.read(start, 0);
    const end = start.subarray(0, read).indexOf("\n");
    return end < 0 ? null : (parseHeading(start.subarray(0, end + 1))?.origin ?? null);
  } finally {
    await file.close();
  }
}

/** More than any heading takes. */
const HEADING_ROOM = 4096;

interface FileContent {
  readonly path: string;
  readonly hole: Hole | null;
  count: number;
  rawBytes: number;
  /** Bytes of the file up to its last intact frame. */
  intact: number;
  /** Bytes of the file without the zeros at its end. */
  written: number;
  since: Timestamp | null;
  readonly cursors: Map<string, string>;
  readonly ids: IdRecord[];
}

/** What is in a file, up to the first damage. */
async function readFile({ folder, files, origin }: RecoveryOptions, listed: Listed, next: number | null): Promise<FileContent> {
  const path = join(folder, listed.name);
  const content: FileContent = {
    path,
    hole: null,
    count: 0,
    rawBytes: 0,
    intact: 0,
    written: 0,
    since: null,
    cursors: new Map(),
    ids: [],
  };
  const file = await files.open(path);
  try {
    const bytes = await writtenLength(file, listed.bytes);
    content.written = bytes;
    content.intact = bytes;
    for await (const finding of scanFile({ file, bytes, origin, first: listed.first, next })) {
      if (finding.kind === "hole") return { ...content, hole: finding };
      if (finding.kind === "tear") content.intact = finding.offset;
      else if (finding.kind === "rest") content.intact = content.written = finding.offset;
      else addFrame(content, finding);
    }
    return content;
  } finally {
    await file.close();
  }
}

function addFrame(content: FileContent, { header, deliveries }: FoundFrame): void {
  content.count += header.count;
  content.since ??= deliveries[0]?.time ?? null;
  for (const { bytes, source, id, cursor, first, count, time } of deliveries) {
    content.rawBytes += bytes;
    if (cursor !== undefined) content.cursors.set(source, cursor);
    if (id !== undefined) content.ids.push({ source, id, first, count, millis: toMillis(time) });
  }
}

/** Takes away a torn frame, so that nothing of it is ever read again. */
async function cutOff(files: SpoolFiles, path: string, length: number): Promise<void> {
  const file = await files.open(path);
  try {
    await file.truncate(length);
    await file.datasync();
  } finally {
    await file.close();
  }
}
