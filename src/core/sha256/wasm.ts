/**
 * As much of WebAssembly's binary format (W3C WebAssembly Core Specification 2.0, section 5) as SHA-256 needs: one module of
 * one memory page and functions from i32 numbers to nothing.
 */

/** Bytes of a module, in pieces. */
export type Code = readonly (number | Uint8Array | Code)[];

export const I32 = 0x7f;
export const V128 = 0x7b;

/** Instructions, by their names in the specification. */
export const op = {
  loop: [0x03, 0x40] as Code,
  end: [0x0b] as Code,
  br_if: (depth: number): Code => [0x0d, unsigned(depth)],
  get: (local: number): Code => [0x20, unsigned(local)],
  set: (local: number): Code => [0x21, unsigned(local)],
  tee: (local: number): Code => [0x22, unsigned(local)],
  i32: {
    const: (value: number): Code => [0x41, signed(value | 0)],
    load: (offset: number): Code => [0x28, 0, unsigned(offset)],
    load8_u: (offset: number): Code => [0x2d, 0, unsigned(offset)],
    store: (offset: number): Code => [0x36, 0, unsigned(offset)],
    lt_u: [0x49] as Code,
    add: [0x6a] as Code,
    sub: [0x6b] as Code,
    and: [0x71] as Code,
    or: [0x72] as Code,
    xor: [0x73] as Code,
    shr_u: [0x76] as Code,
    rotr: [0x78] as Code,
  },
  v128: {
    load: (offset: number): Code => simd(0x00, 0, unsigned(offset)),
    load32_splat: (offset: number): Code => simd(0x09, 0, unsigned(offset)),
    store: (offset: number): Code => simd(0x0b, 0, unsigned(offset)),
    shuffle: (lanes: readonly number[]): Code => simd(0x0d, lanes),
    or: [0xfd, 0x50] as Code,
    xor: [0xfd, 0x51] as Code,
    bitselect: [0xfd, 0x52] as Code,
  },
  i8x16: { replace_lane: (lane: number): Code => simd(0x17, lane) },
  i32x4: {
    splat: [0xfd, 0x11] as Code,
    replace_lane: (lane: number): Code => simd(0x1c, lane),
    shl: [0xfd, 0xab, 0x01] as Code,
    shr_u: [0xfd, 0xad, 0x01] as Code,
    add: [0xfd, 0xae, 0x01] as Code,
  },
} as const;

export interface WasmFunction {
  readonly name: string;
  /** Parameters, all of them i32: the first locals. */
  readonly parameters: number;
  /** Types of the further locals. */
  readonly locals: readonly number[];
  readonly body: Code;
}

/** A module that exports `memory`, of one page (64 KiB), and the functions. */
export function wasmModule(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const exported = functions.map(({ name }, i) => [text(name), 0x00, unsigned(i)]);
  return joined([
    [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    section(1, vector(functions.map(({ parameters }) => [0x60, vector(Array.from({ length: parameters }, () => [I32])), 0x00]))),
    section(3, vector(functions.map((_, i) => unsigned(i)))),
    section(5, vector([[0x01, 0x01, 0x01]])),
    section(7, vector([[text("memory"), 0x02, 0x00], ...exported])),
    section(10, vector(functions.map(({ locals, body }) => sized([vector(locals.map((type) => [0x01, type])), body, op.end])))),
  ]);
}

function section(id: number, content: Code): Code {
  return [id, sized(content)];
}

function sized(content: Code): Code {
  const bytes = joined(content);
  return [unsigned(bytes.length), bytes];
}

function vector(items: readonly Code[]): Code {
  return [unsigned(items.length), items];
}

function text(ascii: string): Code {
  return [unsigned(ascii.length), Array.from(ascii, (letter) => letter.charCodeAt(0))];
}

function simd(opcode: number, ...immediates: Code): Code {
  return [0xfd, unsigned(opcode), immediates];
}

function joined(code: Code): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(lengthOf(code));
  write(code, bytes, 0);
  return bytes;
}

function lengthOf(code: Code): number {
  let length = 0;
  for (let i = 0; i < code.length; i++) {
    const part = code[i] ?? 0;
    length += typeof part === "number" ? 1 : part instanceof Uint8Array ? part.length : lengthOf(part);
  }
  return length;
}

/** @returns where it ends */
function write(code: Code, into: Uint8Array, start: number): number {
  let at = start;
  for (let i = 0; i < code.length; i++) {
    const part = code[i] ?? 0;
    if (typeof part === "number") into[at++] = part;
    else if (part instanceof Uint8Array) into.set(part, (at += part.length) - part.length);
    else at = write(part, into, at);
  }
  return at;
}

/** LEB128 of an unsigned 32-bit number. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, unsigned(value >>> 7)];
}

/** LEB128 of a signed 32-bit number. */
function signed(value: number): Code {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, signed(value >> 7)];
}
