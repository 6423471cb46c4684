import { publicKeyOf, sign } from "#ed25519";
import { sha256 } from "#sha256";
import { clip, concatBytes, equalBytes, fromBase64, fromHex, toBase64, toHex, utf8 } from "./bytes.ts";
import { SteleError } from "./error.ts";

/** Signature type Ed25519 of C2SP signed-note. */
const ALGORITHM_ED25519 = 0x01;
const SECRET_PREFIX = "PRIVATE+KEY+";

/** An Ed25519 verifier key of C2SP signed-note. */
export interface VerifierKey {
  /** The name that stands in signature lines. */
  readonly name: string;
  /** `SHA-256(name || 0x0A || 0x01 || public key)[:4]`. */
  readonly id: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The key as text, `name+hex8(id)+base64(0x01 || public key)`: the vkey. */
  readonly vkey: string;
}

/** What signs notes: a key in memory, or a key management service. */
export interface Signer {
  readonly key: VerifierKey;
  /** The 64-byte Ed25519 signature of `message`. */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** The same key under another name. */
  rename(name: string): Signer;
}

/** Whether `name` may stand in a signature line: not empty, no Unicode white space, no control character, no `+`. */
export function isKeyName(name: string): boolean {
  return name.length > 0 && name.isWellFormed() && !/[\s\p{White_Space}\p{Cc}+]/u.test(name);
}

/** @throws SteleError `format.key` when the name or the length of the public key is wrong. */
export function verifierKey(name: string, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name))
    throw new SteleError("format.key", `key name: expected text without white space and "+", got ${clip(name)}`);
  if (publicKey.length !== 32)
    throw new SteleError("format.key", `key ${name}: expected a public key of 32 bytes, got ${publicKey.length}`);
  const typed = concatBytes(Uint8Array.of(ALGORITHM_ED25519), publicKey);
  const id = sha256(concatBytes(utf8(`${name}\n`), typed)).slice(0, 4);
  return { name, id, publicKey: new Uint8Array(publicKey), vkey: `${name}+${toHex(id)}+${toBase64(typed)}` };
}

/** Reads a vkey. @throws SteleError `format.key` */
export function parseVerifierKey(vkey: string): VerifierKey {
  const { name, hex, data } = splitKey(vkey, "verifier key", "NAME+8 hex digits+base64");
  const key = verifierKey(name, data);
  if (!equalBytes(key.id, hex)) {
    throw new SteleError(
      "format.key",
      `verifier key ${name}: its id ${toHex(hex)} does not fit its name and bytes, expected ${toHex(key.id)}`,
    );
  }
  return key;
}

/** The same public key under another name; the id changes with the name. */
export function renameVerifierKey(key: VerifierKey, name: string): VerifierKey {
  return verifierKey(name, key.publicKey);
}

/** A signer that holds its Ed25519 seed (32 bytes, from a cryptographic source of randomness) in memory. */
export function signerFromSeed(name: string, seed: Uint8Array): Signer {
  if (seed.length !== 32)
    throw new SteleError("format.key", `signing key ${name}: expected a seed of 32 bytes, got ${seed.length}`);
  const kept = new Uint8Array(seed);
  return {
    key: verifierKey(name, publicKeyOf(kept)),
    sign: (message) => sign(message, kept),
    rename: (other) => signerFromSeed(other, kept),
  };
}

/** The text of a key file: C2SP's `PRIVATE+KEY+name+hex8(id)+base64(0x01 || seed)` and a line feed. Secret. */
export function formatKeyFile(name: string, seed: Uint8Array): string {
  const { key } = signerFromSeed(name, seed);
  const typed = concatBytes(Uint8Array.of(ALGORITHM_ED25519), seed);
  return `${SECRET_PREFIX}${name}+${toHex(key.id)}+${toBase64(typed)}\n`;
}

/** Reads a key file. Messages never quote it. @throws SteleError `format.key` */
export function parseKeyFile(text: string): Signer {
  const line = text.endsWith("\n") ? text.slice(0, -1) : text;
  if (!line.startsWith(SECRET_PREFIX) || line.includes("\n")) {
    throw new SteleError(
      "format.key",
      `key file: expected one line that begins with ${SECRET_PREFIX}; make one with "stele keys generate"`,
    );
  }
  const { name, hex, data } = splitKey(
    line.slice(SECRET_PREFIX.length),
    "key file",
    `${SECRET_PREFIX}NAME+8 hex digits+base64`,
    true,
  );
  const signer = signerFromSeed(name, data);
  if (!equalBytes(signer.key.id, hex))
    throw new SteleError("format.key", `key file of ${name}: its id does not fit its name and seed; it is damaged`);
  return signer;
}

function splitKey(text: string, what: string, form: string, secret = false): { name: string; hex: Uint8Array; data: Uint8Array } {
  // Base64 holds "+" too: only the first two separate.
  const first = text.indexOf("+");
  const second = text.indexOf("+", first + 1);
  const malformed = (cause?: unknown): SteleError =>
    new SteleError("format.key", `${what}: expected ${form}${secret ? "" : `, got ${clip(text)}`}`, secret ? {} : { cause });
  if (first <= 0 || second < 0) throw malformed();
  const name = text.slice(0, first);
  let hex: Uint8Array;
  let typed: Uint8Array;
  try {
    hex = fromHex(text.slice(first + 1, second), what, 4);
    typed = fromBase64(text.slice(second + 1), what, 33);
  } catch (cause) {
    throw malformed(cause);
  }
  if (typed[0] !== ALGORITHM_ED25519) {
    throw new SteleError("format.key", `${what} ${clip(name)}: expected algorithm 1 (Ed25519), got ${typed[0]}`);
  }
  return { name, hex, data: typed.slice(1) };
}
