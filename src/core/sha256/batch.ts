import { sha256Into } from "#sha256";
import { CHAIN_AT, IN_AT, LANES, lanesModule, MAX_PAIRS, OUT_AT, writeConstants } from "./lanes.ts";

const HASH_SIZE = 32;
const NODE_PREFIX = 0x01;
/** Below this many hashes, moving them there and back costs more than it saves. */
const WORTHWHILE = 16;
/** Below this many, making the module does. */
const WORTH_MAKING = 4096;

interface Lanes {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Hashes groups of {@link LANES} pairs. */
  nodes(groups: number): void;
  chain(count: number): void;
}

// In Node and in browsers, but in no library that core may be compiled with.
declare const WebAssembly: {
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  Instance: new (module: object) => { readonly exports: Lanes };
};

/** WebAssembly's SHA-256, or null where there is none. */
export type Accelerator = Lanes | null;

let accelerator: Accelerator | undefined;

/** Made once, when it is first worth it for a `count` of hashes. */
export function accelerate(count: number): Accelerator {
  if (count < (accelerator === undefined ? WORTH_MAKING : WORTHWHILE)) return null;
  if (accelerator === undefined) accelerator = makeAccelerator();
  return accelerator;
}

/** Null without WebAssembly, without its vectors, and where a page's policy forbids it: the hashes are the same, only slower. */
function makeAccelerator(): Accelerator {
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(lanesModule()));
    writeConstants(new DataView(exports.memory.buffer));
    return exports;
  } catch {
    return null;
  }
}

/**
 * Puts in place of the first `pairs` pairs of packed hashes in `level` their node hashes (RFC 6962 section 2.1), packed too:
 * they take the first half of the pairs' place.
 */
export function hashPairs(level: Uint8Array, pairs: number, lanes: Accelerator = accelerate(pairs)): void {
  if (pairs * 2 * HASH_SIZE > level.length) {
    throw new RangeError(`expected ${pairs} pairs of hashes, got ${level.length} bytes`);
  }
  let done = 0;
  if (lanes !== null) {
    const memory = new Uint8Array(lanes.memory.buffer);
    while (pairs - done >= LANES) {
      const some = Math.min(pairs - done - ((pairs - done) % LANES), MAX_PAIRS);
      memory.set(level.subarray(done * 2 * HASH_SIZE, (done + some) * 2 * HASH_SIZE), IN_AT);
      lanes.nodes(some / LANES);
      level.set(memory.subarray(OUT_AT, OUT_AT + some * HASH_SIZE), done * HASH_SIZE);
      done += some;
    }
  }
  const input = new Uint8Array(1 + 2 * HASH_SIZE);
  input[0] = NODE_PREFIX;
  for (; done < pairs; done++) {
    input.set(level.subarray(done * 2 * HASH_SIZE, (done + 1) * 2 * HASH_SIZE), 1);
    sha256Into(input, level, done * HASH_SIZE);
  }
}

/** `SHA-256(value || hash)`, again and again, over the packed hashes in `hashes`, from `value` on. */
export function hashChain(
  value: Uint8Array,
  hashes: Uint8Array,
  lanes: Accelerator = accelerate(hashes.length / HASH_SIZE),
): Uint8Array<ArrayBuffer> {
  if (value.length !== HASH_SIZE || hashes.length % HASH_SIZE !== 0) {
    throw new RangeError(`expected a hash and packed hashes, got ${value.length} and ${hashes.length} bytes`);
  }
  const input = new Uint8Array(2 * HASH_SIZE);
  input.set(value);
  if (lanes === null) {
    for (let at = 0; at < hashes.length; at += HASH_SIZE) {
      input.set(hashes.subarray(at, at + HASH_SIZE), HASH_SIZE);
      sha256Into(input, input, 0);
    }
    return input.slice(0, HASH_SIZE);
  }
  const memory = new Uint8Array(lanes.memory.buffer);
  const words = new DataView(lanes.memory.buffer, CHAIN_AT, HASH_SIZE);
  const outside = new DataView(input.buffer);
  // Words in the module, the processor's way round; big-endian bytes outside.
  for (let at = 0; at < HASH_SIZE; at += 4) words.setUint32(at, outside.getUint32(at), true);
  const most = 2 * MAX_PAIRS * HASH_SIZE;
  for (let at = 0; at < hashes.length; at += most) {
    const some = hashes.subarray(at, at + most);
    memory.set(some, IN_AT);
    lanes.chain(some.length / HASH_SIZE);
  }
  for (let at = 0; at < HASH_SIZE; at += 4) outside.setUint32(at, words.getUint32(at, true));
  return input.slice(0, HASH_SIZE);
}
