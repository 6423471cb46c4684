/** A copy of `bytes` with one bit changed. */
export function flipBit(bytes: Uint8Array, bit: number): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes);
  const at = bit >>> 3;
  copy[at] = (copy[at] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

/** Everything that may go wrong with a list of hashes, each with its name. */
export function* mutatedHashes(hashes: readonly Uint8Array[]): Generator<readonly [what: string, hashes: Uint8Array[]]> {
  const zero = new Uint8Array(32);
  for (const [i, hash] of hashes.entries()) {
    for (const bit of [0, 7, 100, 255]) yield [`bit ${bit} of hash ${i} flipped`, hashes.with(i, flipBit(hash, bit))];
    yield [`hash ${i} zero`, hashes.with(i, zero)];
    yield [`hash ${i} empty`, hashes.with(i, new Uint8Array(0))];
    yield [`hash ${i} cut short`, hashes.with(i, hash.slice(0, 31))];
    yield [`hash ${i} too long`, hashes.with(i, Uint8Array.of(...hash, 0))];
    yield [`hash ${i} dropped`, hashes.toSpliced(i, 1)];
    yield [`hash ${i} doubled`, hashes.toSpliced(i, 0, hash)];
    yield [`zero before hash ${i}`, hashes.toSpliced(i, 0, zero)];
    const next = hashes[i + 1];
    if (next !== undefined) yield [`hashes ${i} and ${i + 1} swapped`, hashes.with(i, next).with(i + 1, hash)];
  }
  yield ["zero appended", [...hashes, zero]];
  yield ["an empty hash appended", [...hashes, new Uint8Array(0)]];
  if (hashes.length > 0) yield ["all dropped", []];
  if (hashes.length > 1) yield ["reversed", hashes.toReversed()];
}
