import { type Code, I32, op, V128, type WasmFunction, wasmModule } from "./wasm.ts";

/**
 * SHA-256 (FIPS 180-4) in WebAssembly for what a tree and a chain are made of: very many messages of 64 or 65 bytes. A call of
 * a library's hash takes several times as long as hashing that little. Four nodes are hashed at a time, one in each lane of a
 * vector. Long messages are better off with the library, whose processor has instructions for SHA-256.
 */

/** FIPS 180-4 section 4.2.2. */
const K = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
  0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
  0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
  0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
  0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
  0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];
/** FIPS 180-4 section 5.3.3. */
const H = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/** Places in the module's memory, in bytes. */
const K_AT = 0;
const PADDING_AT = 256;
export const CHAIN_AT = 512;
export const IN_AT = 1024;
/** How many pairs of hashes fit at IN_AT; a multiple of the lanes. */
export const MAX_PAIRS = 640;
export const OUT_AT: number = IN_AT + MAX_PAIRS * 64;
/** Messages that are hashed at a time. */
export const LANES = 4;

/** The module, with its `memory` and two functions, {@link nodes} and {@link chain}; {@link writeConstants} comes before both. */
export function lanesModule(): Uint8Array<ArrayBuffer> {
  return wasmModule([nodes(), chain()]);
}

/** Puts into the module's memory what its functions read there. */
export function writeConstants(memory: DataView): void {
  const padding = new Uint32Array(64);
  padding[0] = 0x80000000;
  padding[15] = 64 * 8;
  for (const [t, k] of K.entries()) {
    if (t >= 16) {
      const [w2, w7, w15, w16] = [at(padding, t - 2), at(padding, t - 7), at(padding, t - 15), at(padding, t - 16)];
      const sigma0 = rotr(w15, 7) ^ rotr(w15, 18) ^ (w15 >>> 3);
      const sigma1 = rotr(w2, 17) ^ rotr(w2, 19) ^ (w2 >>> 10);
      padding[t] = sigma1 + w7 + sigma0 + w16;
    }
    memory.setUint32(K_AT + 4 * t, k, true);
    memory.setUint32(PADDING_AT + 4 * t, at(padding, t) + k, true);
  }
}

function rotr(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

/** The operations of FIPS 180-4 section 4.1.2 on one word, or on one in each lane. */
interface Words {
  readonly type: number;
  readonly add: Code;
  readonly xor: Code;
  readonly shr: (bits: number) => Code;
  /** Rotates a local's value right. */
  readonly rotr: (local: number, bits: number) => Code;
  readonly ch: (e: number, f: number, g: number) => Code;
  readonly maj: (a: number, b: number, c: number) => Code;
  /** K and what else is the same in all lanes. */
  readonly load: (offset: number) => Code;
  readonly value: (value: number) => Code;
}

const { get, set, tee, i32, i32x4, v128 } = op;

const SCALAR: Words = {
  type: I32,
  add: i32.add,
  xor: i32.xor,
  shr: (bits) => [i32.const(bits), i32.shr_u],
  rotr: (local, bits) => [get(local), i32.const(bits), i32.rotr],
  ch: (e, f, g) => [get(f), get(g), i32.xor, get(e), i32.and, get(g), i32.xor],
  maj: (a, b, c) => [get(a), get(b), i32.or, get(c), i32.and, get(a), get(b), i32.and, i32.or],
  load: (offset) => i32.load(offset),
  value: (value) => i32.const(value),
};

const VECTOR: Words = {
  type: V128,
  add: i32x4.add,
  xor: v128.xor,
  shr: (bits) => [i32.const(bits), i32x4.shr_u],
  rotr: (local, bits) => [[get(local), i32.const(bits), i32x4.shr_u], [get(local), i32.const(32 - bits), i32x4.shl], v128.or],
  ch: (e, f, g) => [get(f), get(g), get(e), v128.bitselect],
  // Where a and b differ it is c that decides.
  maj: (a, b, c) => [get(c), get(b), get(a), get(b), v128.xor, v128.bitselect],
  load: (offset) => v128.load32_splat(offset),
  value: (value) => [i32.const(value), i32x4.splat],
};

/** Locals of a function that hashes, after its parameters. */
class Locals {
  readonly types: number[] = [];
  readonly #parameters: number;

  constructor(parameters: number) {
    this.#parameters = parameters;
  }

  one(type: number): number {
    return this.#parameters + this.types.push(type) - 1;
  }

  many(type: number, count: number): readonly number[] {
    return Array.from({ length: count }, () => this.one(type));
  }
}

/** The rounds t to t + 15 of section 6.2.2; K is read at the address in `k`. Without `w` the words are added to K already. */
function sixteenRounds(words: Words, s: readonly number[], k: number, w: readonly number[] | null): Code {
  const sigma = (local: number, bits: readonly [number, number, number]): Code => [
    [words.rotr(local, bits[0]), words.rotr(local, bits[1]), words.xor],
    [words.rotr(local, bits[2]), words.xor],
  ];
  const body: Code[] = [];
  for (let t = 0; t < 16; t++) {
    // Instead of moving the values on, the locals change their names.
    const now = (i: number): number => at(s, (i + 16 - t) % 8);
    const [a, b, c, d, e, f, g, h] = [now(0), now(1), now(2), now(3), now(4), now(5), now(6), now(7)];
    body.push(
      [get(h), sigma(e, [6, 11, 25]), words.add, words.ch(e, f, g), words.add],
      [get(k), words.load(4 * t), words.add],
      w === null ? [] : [get(at(w, t)), words.add],
      [tee(h), get(d), words.add, set(d)],
      [get(h), sigma(a, [2, 13, 22]), words.add, words.maj(a, b, c), words.add, set(h)],
    );
  }
  return body;
}

/** The next sixteen words of the message schedule, in the place of the last. */
function schedule(words: Words, w: readonly number[]): Code {
  const sigma = (local: number, [r1, r2, shift]: readonly [number, number, number]): Code => [
    [words.rotr(local, r1), words.rotr(local, r2), words.xor],
    [get(local), words.shr(shift), words.xor],
  ];
  return w.map((local, t) => [
    [get(local), sigma(at(w, (t + 1) % 16), [7, 18, 3]), words.add],
    [get(at(w, (t + 9) % 16)), words.add, sigma(at(w, (t + 14) % 16), [17, 19, 10]), words.add, set(local)],
  ]);
}

/** All 64 rounds over the words in `w`, which are used up. `k` is a local for an address. */
function rounds(words: Words, s: readonly number[], w: readonly number[], k: number): Code {
  const sixteen = sixteenRounds(words, s, k, w);
  return [
    [i32.const(K_AT), set(k)],
    op.loop,
    sixteen,
    schedule(words, w),
    [get(k), i32.const(64), i32.add, tee(k), i32.const(K_AT + 192), i32.lt_u, op.br_if(0)],
    op.end,
    sixteen,
  ];
}

const copy = (from: readonly number[], to: readonly number[]): Code => to.map((local, i) => [get(at(from, i)), set(local)]);

/** `to` becomes the sum of both, and `from` as well. */
const addTo = (words: Words, from: readonly number[], to: readonly number[]): Code =>
  to.map((local, i) => [get(local), get(at(from, i)), words.add, tee(local), set(at(from, i))]);

/** Bytes of two vectors of big-endian words: words 0 and 1 of both, or 2 and 3, in turns. */
const SWAPPED_LOW = [3, 2, 1, 0, 19, 18, 17, 16, 7, 6, 5, 4, 23, 22, 21, 20];
const SWAPPED_HIGH = [11, 10, 9, 8, 27, 26, 25, 24, 15, 14, 13, 12, 31, 30, 29, 28];
const LOW_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const HIGH_HALVES = [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31];
/** The same for words that are to become big-endian bytes, after they were put in turns. */
const LOW = [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23];
const HIGH = [8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31];
const swapped = (halves: readonly number[]): readonly number[] => halves.map((byte) => byte ^ 3);

/**
 * `nodes(groups)`: of each four pairs of hashes from IN_AT on, the four node hashes `SHA-256(0x01 || left || right)` from
 * OUT_AT on. The message is a byte longer than a block: the second block holds its last byte, and padding.
 */
function nodes(): WasmFunction {
  const [groups, locals] = [0, new Locals(1)];
  const [input, output, k, block] = [locals.one(I32), locals.one(I32), locals.one(I32), locals.one(I32)];
  const w = locals.many(V128, 16);
  const s = locals.many(V128, 8);
  const before = locals.many(V128, 8);
  const [t0, t1, t2, t3] = [locals.one(V128), locals.one(V128), locals.one(V128), locals.one(V128)];
  const shuffled = (a: number, b: number, lanes: readonly number[]): Code => [get(a), get(b), v128.shuffle(lanes)];
  // Sixteen bytes of each of four messages become four words of each, a message to a lane.
  const load = (j: number): Code => [
    Array.from({ length: LANES }, (_, lane) => [
      [get(input), v128.load(64 * lane + 16 * j)],
      // The node prefix, where the byte before the hashes was read.
      j === 0 ? [i32.const(1), op.i8x16.replace_lane(0)] : [],
      set(at(w, 4 * j + lane)),
    ]),
    [shuffled(at(w, 4 * j), at(w, 4 * j + 1), SWAPPED_LOW), set(t0)],
    [shuffled(at(w, 4 * j), at(w, 4 * j + 1), SWAPPED_HIGH), set(t1)],
    [shuffled(at(w, 4 * j + 2), at(w, 4 * j + 3), SWAPPED_LOW), set(t2)],
    [shuffled(at(w, 4 * j + 2), at(w, 4 * j + 3), SWAPPED_HIGH), set(t3)],
    [shuffled(t0, t2, LOW_HALVES), set(at(w, 4 * j)), shuffled(t0, t2, HIGH_HALVES), set(at(w, 4 * j + 1))],
    [shuffled(t1, t3, LOW_HALVES), set(at(w, 4 * j + 2)), shuffled(t1, t3, HIGH_HALVES), set(at(w, 4 * j + 3))],
  ];
  const store = (j: number): Code => [
    [shuffled(at(s, 4 * j), at(s, 4 * j + 1), swapped(LOW)), set(t0)],
    [shuffled(at(s, 4 * j), at(s, 4 * j + 1), swapped(HIGH)), set(t1)],
    [shuffled(at(s, 4 * j + 2), at(s, 4 * j + 3), swapped(LOW)), set(t2)],
    [shuffled(at(s, 4 * j + 2), at(s, 4 * j + 3), swapped(HIGH)), set(t3)],
    [get(output), shuffled(t0, t2, LOW_HALVES), v128.store(16 * j)],
    [get(output), shuffled(t0, t2, HIGH_HALVES), v128.store(32 + 16 * j)],
    [get(output), shuffled(t1, t3, LOW_HALVES), v128.store(64 + 16 * j)],
    [get(output), shuffled(t1, t3, HIGH_HALVES), v128.store(96 + 16 * j)],
  ];
  const last = (lane: number): Code => [get(input), i32.load8_u(64 * lane + 64)];
  const secondBlock = [
    [last(0), i32x4.splat, [1, 2, 3].map((lane) => [last(lane), i32x4.replace_lane(lane)])],
    [i32.const(24), i32x4.shl, VECTOR.value(0x00800000), v128.or, set(at(w, 0))],
    w.slice(1, 15).map((local) => [VECTOR.value(0), set(local)]),
    [VECTOR.value(65 * 8), set(at(w, 15))],
  ];
  const body = [
    // A byte before the first pair: every message begins with the prefix in its place.
    [i32.const(IN_AT - 1), set(input), i32.const(OUT_AT), set(output)],
    op.loop,
    [0, 1, 2, 3].map(load),
    s.map((local, i) => [VECTOR.value(at(H, i)), set(local)]),
    [i32.const(2), set(block)],
    op.loop,
    copy(s, before),
    rounds(VECTOR, s, w, k),
    addTo(VECTOR, before, s),
    secondBlock,
    [get(block), i32.const(1), i32.sub, tee(block), op.br_if(0)],
    op.end,
    [store(0), store(1)],
    [get(input), i32.const(64 * LANES), i32.add, set(input)],
    [get(output), i32.const(32 * LANES), i32.add, set(output)],
    [get(groups), i32.const(1), i32.sub, tee(groups), op.br_if(0)],
    op.end,
  ];
  return { name: "nodes", parameters: 1, locals: locals.types, body };
}

/**
 * `chain(count)`: the words at CHAIN_AT become `SHA-256(words || hash)` for each of the hashes from IN_AT on. The second block
 * is padding alone, so its schedule was made before and lies, with K added, at PADDING_AT.
 */
function chain(): WasmFunction {
  const [count, locals] = [0, new Locals(1)];
  const [input, k] = [locals.one(I32), locals.one(I32)];
  const w = locals.many(I32, 16);
  const s = locals.many(I32, 8);
  const before = locals.many(I32, 8);
  // (x rotr 8) & 0xff00ff00 | (x rotr 24) & 0x00ff00ff
  const bigEndian = (local: number): Code => [
    [SCALAR.rotr(local, 8), i32.const(0xff00ff00), i32.and],
    [SCALAR.rotr(local, 24), i32.const(0x00ff00ff), i32.and, i32.or],
  ];
  const initial = s.map((local, i) => [i32.const(at(H, i)), tee(local), set(at(before, i))]);
  const body = [
    [i32.const(IN_AT), set(input)],
    s.map((local, i) => [i32.const(CHAIN_AT), i32.load(4 * i), set(local)]),
    op.loop,
    copy(s, w.slice(0, 8)),
    w.slice(8).map((local, i) => [get(input), i32.load(4 * i), set(local), bigEndian(local), set(local)]),
    initial,
    rounds(SCALAR, s, w, k),
    addTo(SCALAR, before, s),
    copy(s, before),
    [i32.const(PADDING_AT), set(k)],
    op.loop,
    sixteenRounds(SCALAR, s, k, null),
    [get(k), i32.const(64), i32.add, tee(k), i32.const(PADDING_AT + 256), i32.lt_u, op.br_if(0)],
    op.end,
    addTo(SCALAR, before, s),
    [get(input), i32.const(32), i32.add, set(input)],
    [get(count), i32.const(1), i32.sub, tee(count), op.br_if(0)],
    op.end,
    s.map((local, i) => [i32.const(CHAIN_AT), get(local), i32.store(4 * i)]),
  ];
  return { name: "chain", parameters: 1, locals: locals.types, body };
}

function at(list: ArrayLike<number>, index: number): number {
  const item = list[index];
  if (item === undefined) throw new RangeError(`expected an index below ${list.length}, got ${index}`);
  return item;
}
