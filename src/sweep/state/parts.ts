import { utf8 } from "../../core/bytes.ts";

/** What one line is filled to, in bytes; a line holds at least one item, whatever its length. */
export const PART_BYTES: number = 256 << 10;

/**
 * Deals items out to as few lines as their bound allows, each item to one of them and all in order, so that nothing is left
 * out of a report however much there is to say.
 *
 * @param lengthOf bytes that an item takes
 */
export function inParts<T>(items: readonly T[], lengthOf: (item: T) => number, bound: number = PART_BYTES): T[][] {
  const parts: T[][] = [];
  let part: T[] = [];
  let filled = 0;
  for (const item of items) {
    const length = lengthOf(item);
    if (part.length > 0 && filled + length > bound) {
      parts.push(part);
      part = [];
      filled = 0;
    }
    part.push(item);
    filled += length;
  }
  return part.length > 0 || parts.length === 0 ? [...parts, part] : parts;
}

/** About how many bytes a value takes in a line. */
export function jsonLength(value: unknown): number {
  return utf8(JSON.stringify(value)).length + 1;
}
