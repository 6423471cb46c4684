import { base64 } from "@scure/base";
import { SteleError } from "./error.ts";

/** Bytes that own their memory (never a view on shared memory), as every hash and decoded value here is. */
export type Bytes = Uint8Array<ArrayBuffer>;

// Both exist in Node and in browsers, but in no library that core may be compiled with.
declare const TextEncoder: new () => { encode(text: string): Bytes };
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 bytes of `text`. @throws SteleError `format.encoding` on a lone surrogate, which UTF-8 can't spell. */
export function utf8(text: string): Bytes {
  if (!text.isWellFormed())
    throw new SteleError("format.encoding", `expected well-formed Unicode, got a lone surrogate in ${clip(text)}`);
  return encoder.encode(text);
}

/** The text of UTF-8 bytes; a byte order mark is kept. @throws SteleError `format.encoding` on bytes that are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new SteleError("format.encoding", `expected UTF-8, got ${bytes.length} bytes that are not`, { cause });
  }
}

/** Standard base64 with padding (RFC 4648 section 4). */
export function toBase64(bytes: Uint8Array): string {
  return base64.encode(bytes);
}

/**
 * Reads standard padded base64, of `length` bytes if given. White space, missing padding, the URL alphabet and non-zero
 * trailing bits are refused: one value has one spelling.
 * @throws SteleError `format.encoding`
 */
export function fromBase64(text: string, what: string, length?: number): Bytes {
  let bytes: Bytes;
  try {
    bytes = new Uint8Array(base64.decode(text));
  } catch (cause) {
    throw new SteleError("format.encoding", `${what}: expected standard padded base64, got ${clip(text)}`, { cause });
  }
  if (base64.encode(bytes) !== text) {
    throw new SteleError("format.encoding", `${what}: expected canonical padded base64, got ${clip(text)}`);
  }
  if (length !== undefined && bytes.length !== length) {
    throw new SteleError("format.encoding", `${what}: expected ${length} bytes in base64, got ${bytes.length}`);
  }
  return bytes;
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** Reads lower-case hexadecimal of `length` bytes if given. @throws SteleError `format.encoding` */
export function fromHex(text: string, what: string, length?: number): Bytes {
  if (!/^(?:[0-9a-f]{2})*$/.test(text) || (length !== undefined && text.length !== length * 2)) {
    const expected = length === undefined ? "lower-case hexadecimal" : `${length * 2} lower-case hexadecimal digits`;
    throw new SteleError("format.encoding", `${what}: expected ${expected}, got ${clip(text)}`);
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

/** Whether two byte strings are the same. Not constant in time: everything compared here is public. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** A piece of untrusted text fit for a message: quoted, escaped, at most 64 characters. */
export function clip(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}...` : text);
}
