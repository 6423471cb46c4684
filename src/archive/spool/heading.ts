import { randomBytes } from "node:crypto";

/** Begins a spool file: `stele-spool/1 <origin> <first> <mark>` and a line feed. */
const FORMAT = "stele-spool/1";
const INDEX_DIGITS = 16;

/**
 * What begins every frame of one file, 16 hexadecimal digits drawn for it. Whoever delivers entries can't know it, so
 * that nothing in an entry can pass for a frame when frames are looked for behind a damaged piece.
 */
export type Mark = string;

export const MARK_BYTES = 16;

export function drawMark(): Mark {
  return randomBytes(MARK_BYTES / 2).toString("hex");
}

export function fileName(first: number): string {
  return `${digits(first)}.spool`;
}

/** A file on its way to take the place of a damaged (`mended`) or a missing one (`filler`), or of any that comes (`spare`). */
export function interimName(first: number, kind: "mended" | "filler" | "spare"): string {
  return `${digits(first)}.${kind}`;
}

/** The index of the first entry in the file of this name; null when it is no name of that kind. */
export function parseName(name: string, kind: "spool" | "mended" | "filler" | "spare"): number | null {
  if (!name.endsWith(`.${kind}`) || name.length !== INDEX_DIGITS + 1 + kind.length) return null;
  return parseDigits(name.slice(0, INDEX_DIGITS));
}

export function heading(origin: string, first: number, mark: Mark): string {
  return `${FORMAT} ${origin} ${digits(first)} ${mark}\n`;
}

/** Bytes of a heading: the same for every file of one log. */
export function headingBytes(origin: string): number {
  return Buffer.byteLength(heading(origin, 0, "0".repeat(MARK_BYTES)));
}

/** Reads a heading in its one spelling; null when it is none. */
export function parseHeading(bytes: Buffer): { readonly origin: string; readonly first: number; readonly mark: Mark } | null {
  const [format, origin, first, mark, ...rest] = bytes.toString("utf8").replace(/\n$/, "").split(" ");
  if (format !== FORMAT || origin === undefined || first === undefined || mark === undefined || rest.length > 0) return null;
  const index = first.length === INDEX_DIGITS ? parseDigits(first) : null;
  if (index === null || !/^[0-9a-f]{16}$/.test(mark) || !bytes.equals(Buffer.from(heading(origin, index, mark)))) return null;
  return { origin, first: index, mark };
}

function digits(index: number): string {
  return String(index).padStart(INDEX_DIGITS, "0");
}

function parseDigits(text: string): number | null {
  const index = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(index) ? index : null;
}
