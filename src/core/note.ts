import { verify } from "#ed25519";
import { clip, concatBytes, equalBytes, fromBase64, fromUtf8, toBase64, utf8 } from "./bytes.ts";
import { SteleError } from "./error.ts";
import { isKeyName, type Signer, type VerifierKey } from "./key.ts";

/** One signature line of a note: `(U+2014) name base64(id || signature)`. */
export interface NoteSignature {
  readonly name: string;
  /** 4 bytes. */
  readonly id: Uint8Array;
  /** What follows the id; 64 bytes for Ed25519. */
  readonly signature: Uint8Array;
}

/** A C2SP signed note: text that ends in a line feed, and the signatures over it. */
export interface Note {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Longest note that is looked at, in bytes. */
export const MAX_NOTE_BYTES = 65_536;
/** C2SP asks for at least 16. */
const MAX_SIGNATURES = 64;
const SIGNATURE_PREFIX = "\u2014 ";

/**
 * Reads a signed note (c2sp.org/signed-note) in its one spelling.
 * @throws SteleError `format.note`
 */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > MAX_NOTE_BYTES) throw malformed(`expected at most ${MAX_NOTE_BYTES} bytes, got ${bytes.length}`);
  let whole: string;
  try {
    whole = fromUtf8(bytes);
  } catch (cause) {
    throw malformed("expected UTF-8", cause);
  }
  // oxlint-disable-next-line no-control-regex -- the spec forbids control characters below U+0020 but the line feed
  if (/[\u0000-\u0009\u000b-\u001f]/.test(whole)) throw malformed("control characters other than line feed are not allowed");
  if (!whole.endsWith("\n")) throw malformed("the last line does not end in a line feed");
  const split = whole.lastIndexOf("\n\n");
  if (split < 0) throw malformed("no blank line between the text and its signatures");
  const text = whole.slice(0, split + 1);
  const lines = whole.slice(split + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw malformed(`expected at most ${MAX_SIGNATURES} signatures, got ${lines.length}`);
  return { text, signatures: lines.map(parseSignature) };
}

/** The bytes of a note: text, blank line, signature lines. */
export function formatNote(note: Note): Uint8Array<ArrayBuffer> {
  return utf8(`${note.text}\n${formatSignatures(note.signatures)}`);
}

/** The signature lines alone, each ending in a line feed. */
export function formatSignatures(signatures: readonly NoteSignature[]): string {
  return signatures
    .map(({ name, id, signature }) => `${SIGNATURE_PREFIX}${name} ${toBase64(concatBytes(id, signature))}\n`)
    .join("");
}

/** Signs `text`, which must end in a line feed, which the signature covers. */
export async function signNote(text: string, signers: readonly Signer[]): Promise<Note> {
  if (!text.endsWith("\n")) throw malformed("the text to sign does not end in a line feed");
  const message = utf8(text);
  const signatures: NoteSignature[] = [];
  for (const signer of signers) {
    const signature = await signer.sign(message);
    if (signature.length !== 64) throw malformed(`signer ${signer.key.name} gave ${signature.length} bytes, expected 64`);
    signatures.push({ name: signer.key.name, id: signer.key.id, signature });
  }
  return { text, signatures };
}

/**
 * The keys, of those given, that signed the note. Signatures of unknown keys are ignored; a wrong signature of a known key
 * refuses the note, as does the lack of a good one.
 * @throws SteleError `proof.signature`
 */
export function verifyNote(note: Note, keys: readonly VerifierKey[]): VerifierKey[] {
  const message = utf8(note.text);
  const signed = new Set<VerifierKey>();
  for (const { name, id, signature } of note.signatures) {
    const key = keys.find((candidate) => candidate.name === name && equalBytes(candidate.id, id));
    if (key === undefined || signed.has(key)) continue;
    if (!verify(signature, message, key.publicKey)) {
      throw new SteleError(
        "proof.signature",
        `the signature of ${key.vkey} is wrong: the signed text was changed, or someone else wrote it`,
      );
    }
    signed.add(key);
  }
  if (signed.size === 0) {
    const names = note.signatures.map(({ name }) => clip(name)).join(", ");
    const expected = keys.length === 0 ? "no key was given" : `expected one of ${keys.map((key) => key.vkey).join(", ")}`;
    throw new SteleError("proof.signature", `no signature of a known key: signed by ${names}; ${expected}`);
  }
  return [...signed];
}

function parseSignature(line: string): NoteSignature {
  if (!line.startsWith(SIGNATURE_PREFIX))
    throw malformed(`a signature line begins with an em dash and a space, got ${clip(line)}`);
  const [name, base64, ...rest] = line.slice(SIGNATURE_PREFIX.length).split(" ");
  if (name === undefined || base64 === undefined || rest.length > 0 || !isKeyName(name)) {
    throw malformed(`expected a dash, a name and base64, separated by one space, got ${clip(line)}`);
  }
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(base64, "signature");
  } catch (cause) {
    throw malformed(`the signature of ${clip(name)} is not canonical base64`, cause);
  }
  if (bytes.length < 5)
    throw malformed(`the signature of ${clip(name)} is ${bytes.length} bytes, too short for a key id and a signature`);
  return { name, id: bytes.slice(0, 4), signature: bytes.slice(4) };
}

function malformed(reason: string, cause?: unknown): SteleError {
  return new SteleError("format.note", `signed note: ${reason}`, { cause });
}
