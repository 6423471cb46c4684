import { verify } from "#ed25519";
import { sha256 } from "#sha256";
import { clip, concatBytes, equalBytes, fromBase64, fromHex, toBase64, toHex, utf8 } from "./bytes.ts";
import { SteleError } from "./error.ts";
import { isKeyName } from "./key.ts";
import type { Note, NoteSignature } from "./note.ts";
import { type Timestamp, timestamp } from "./time.ts";

/** Signature type of C2SP tlog-cosignature: Ed25519 with a time. */
const COSIGNATURE_V1 = 0x04;
const TIME_SIZE = 8;
const SIGNATURE_SIZE = 64;
/** The last second that a {@link Timestamp} can name: that of 9999-12-31T23:59:59Z. */
const MAX_SECONDS = 253_402_300_799n;

/** The key of a witness, whose signatures say when it saw a checkpoint. Never to be taken for a log's key: the types differ. */
export interface CosignerKey {
  readonly type: typeof COSIGNATURE_V1;
  readonly name: string;
  /** `SHA-256(name || 0x0A || 0x04 || public key)[:4]`. */
  readonly id: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The key as text, `name+hex8(id)+base64(0x04 || public key)`. */
  readonly vkey: string;
}

/** A witness's word: at `time`, this was the largest consistent tree of the log that it had seen. */
export interface Cosignature {
  readonly key: CosignerKey;
  /** By the witness's clock, in whole seconds. */
  readonly time: Timestamp;
  readonly line: NoteSignature;
}

/** @throws SteleError `format.key` when the name or the length of the public key is wrong. */
export function cosignerKey(name: string, publicKey: Uint8Array): CosignerKey {
  if (!isKeyName(name))
    throw new SteleError("format.key", `witness key: expected a name without white space and "+", got ${clip(name)}`);
  if (publicKey.length !== 32)
    throw new SteleError("format.key", `witness key ${name}: expected a public key of 32 bytes, got ${publicKey.length}`);
  const typed = concatBytes(Uint8Array.of(COSIGNATURE_V1), publicKey);
  const id = sha256(concatBytes(utf8(`${name}\n`), typed)).slice(0, 4);
  const vkey = `${name}+${toHex(id)}+${toBase64(typed)}`;
  return { type: COSIGNATURE_V1, name, id, publicKey: new Uint8Array(publicKey), vkey };
}

/**
 * Reads a witness's vkey (c2sp.org/signed-note, signature type 0x04 of c2sp.org/tlog-cosignature).
 * @throws SteleError `format.key`
 */
export function parseCosignerKey(vkey: string): CosignerKey {
  // Base64 holds "+" too: only the first two separate.
  const [, name = "", hex = "", base64 = ""] = /^([^+]+)\+([^+]*)\+(.*)$/s.exec(vkey) ?? [];
  let id: Uint8Array;
  let typed: Uint8Array;
  try {
    id = fromHex(hex, "key id", 4);
    typed = fromBase64(base64, "key", 33);
  } catch (cause) {
    throw new SteleError("format.key", `witness key: expected NAME+8 hex digits+base64, got ${clip(vkey)}`, { cause });
  }
  if (typed[0] !== COSIGNATURE_V1) {
    const what = typed[0] === 1 ? "1: that is a log's key" : String(typed[0]);
    throw new SteleError("format.key", `witness key ${clip(name)}: expected type 4 (cosignature/v1), got ${what}`);
  }
  const key = cosignerKey(name, typed.slice(1));
  if (!equalBytes(key.id, id)) {
    throw new SteleError(
      "format.key",
      `witness key ${name}: its id ${toHex(id)} does not fit its name and bytes, expected ${toHex(key.id)}`,
    );
  }
  return key;
}

/**
 * The cosignatures by `keys` on a checkpoint's note, the last of each key. Lines of unknown keys are ignored; one of a known
 * key that is wrong refuses the note.
 * @throws SteleError `proof.signature`
 */
export function verifyCosignatures(note: Note, keys: readonly CosignerKey[]): Cosignature[] {
  const good = new Map<CosignerKey, Cosignature>();
  for (const line of note.signatures) {
    const key = keys.find(({ name, id }) => name === line.name && equalBytes(id, line.id));
    if (key === undefined) continue;
    const time = cosignedAt(note.text, line, key);
    const other = good.get(key);
    if (other === undefined || other.time < time) good.set(key, { key, time, line });
  }
  return [...good.values()];
}

/** What a witness signs: a header line, the time in seconds since 1970, and the checkpoint's text. */
export function cosignedMessage(text: string, seconds: bigint): Uint8Array {
  return utf8(`cosignature/v1\ntime ${seconds}\n${text}`);
}

function cosignedAt(text: string, { signature }: NoteSignature, key: CosignerKey): Timestamp {
  if (signature.length !== TIME_SIZE + SIGNATURE_SIZE) {
    throw wrong(key, `expected ${TIME_SIZE + SIGNATURE_SIZE} bytes of time and signature, got ${signature.length}`);
  }
  const seconds = new DataView(signature.buffer, signature.byteOffset, TIME_SIZE).getBigUint64(0);
  if (seconds > MAX_SECONDS) throw wrong(key, `expected a time before the year 10000, got ${seconds} seconds`);
  if (!verify(signature.subarray(TIME_SIZE), cosignedMessage(text, seconds), key.publicKey)) {
    throw wrong(key, "the cosigned text or its time was changed, or someone else wrote it");
  }
  return timestamp(Number(seconds) * 1000);
}

function wrong(key: CosignerKey, reason: string): SteleError {
  return new SteleError("proof.signature", `the cosignature of ${key.vkey} is wrong: ${reason}`);
}
