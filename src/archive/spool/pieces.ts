import { type Meta, spellMeta } from "./payload.ts";

/** A delivery as it goes into a frame: its line of JSON, and the bytes of its entries. */
export interface Piece {
  readonly meta: string;
  readonly bytes: readonly Uint8Array[];
}

/**
 * Deliveries in order, as a frame holds them. Those that came from one source in the same millisecond, and have neither id nor
 * cursor of their own, are one there: many callers then cost little more than one.
 */
export function joinDeliveries(deliveries: readonly (Omit<Meta, "bytes"> & { readonly bytes: Uint8Array })[]): Piece[] {
  const joined: { meta: Omit<Meta, "bytes">; count: number; length: number; bytes: Uint8Array[] }[] = [];
  for (const delivery of deliveries) {
    const { bytes, count } = delivery;
    const last = joined.at(-1);
    if (last !== undefined && isOne(last.meta, delivery)) {
      last.count += count;
      last.length += bytes.length;
      last.bytes.push(bytes);
    } else {
      joined.push({ meta: delivery, count, length: bytes.length, bytes: [bytes] });
    }
  }
  return joined.map(({ meta, count, length, bytes }) => {
    const { time, source, id, cursor } = meta;
    return { meta: spellMeta({ bytes: length, count, time, source, id, cursor }), bytes };
  });
}

function isOne(one: Omit<Meta, "bytes">, next: Omit<Meta, "bytes">): boolean {
  return (
    one.time === next.time &&
    one.source === next.source &&
    one.id === undefined &&
    next.id === undefined &&
    one.cursor === undefined &&
    next.cursor === undefined
  );
}
