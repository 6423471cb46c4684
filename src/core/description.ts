import { z } from "zod";
import { clip, concatBytes, fromUtf8, utf8 } from "./bytes.ts";
import { parseCanonical, text, time } from "./canonical-json.ts";
import { SteleError } from "./error.ts";
import { isKeyName, parseVerifierKey, type Signer, type VerifierKey } from "./key.ts";
import { FORMAT } from "./manifest.ts";
import { formatSignatures, parseNote, signNote, verifyNote } from "./note.ts";
import { formatPeriod, type LockMode, parsePeriod, type Period } from "./retention.ts";
import type { Timestamp } from "./time.ts";

/**
 * What an archive (`archive.json`) or a log (`log.json`) says of itself: one line of JSON, and a line with the signature of
 * its own key over the first. Its keys are a hint to whoever pinned none.
 */
export interface Description {
  readonly format: typeof FORMAT;
  readonly kind: "archive" | "log";
  readonly origin: string;
  readonly created: Timestamp;
  /** The lock that a writer puts on what it writes from now on. */
  readonly retention: { readonly mode: LockMode; readonly period: string };
  /** Verifier keys in force at the start; an archive's may be followed by keys of single logs: {@link delegatedKeys}. */
  readonly keys: readonly string[];
}

export const MAX_DESCRIPTION_BYTES = 16_384;

const schema: z.ZodType<Description> = z.strictObject({
  format: z.literal(FORMAT),
  kind: z.enum(["archive", "log"]),
  origin: text(512).refine(isKeyName, "expected an origin"),
  created: time,
  retention: z.strictObject({
    mode: z.enum(["COMPLIANCE", "GOVERNANCE"]),
    period: z.string().refine(isPeriod, "expected a period such as 7y"),
  }),
  keys: z.array(text(512).refine(isVkey, "expected a verifier key")).min(1).max(16),
});

const signaturesSchema = z.strictObject({ signatures: text(4096) });

/** The object's bytes: two lines. @throws SteleError when the signer fails */
export async function encodeDescription(description: Description, signer: Signer): Promise<Uint8Array<ArrayBuffer>> {
  const line = `${spell(description)}\n`;
  const note = await signNote(line, [signer]);
  return utf8(`${line}${JSON.stringify({ signatures: formatSignatures(note.signatures) })}\n`);
}

/**
 * Reads a description in its one spelling. The signature is not checked here: {@link verifyDescription}.
 * @throws SteleError `format.description`
 */
export function parseDescription(bytes: Uint8Array, kind: Description["kind"]): Description {
  const { line } = splitLines(bytes);
  const description = parseCanonical(line, schema, spell, "format.description", `${kind}.json`);
  if (description.kind !== kind)
    throw malformed(`expected the description of ${kind === "log" ? "a log" : "an archive"}, got ${clip(description.kind)}`);
  return description;
}

/**
 * Checks that one of `keys` signed a description.
 * @throws SteleError `format.description`, `proof.signature`
 */
export function verifyDescription(bytes: Uint8Array, keys: readonly VerifierKey[]): void {
  const { line, trailer } = splitLines(bytes);
  const { signatures } = parseCanonical(
    trailer,
    signaturesSchema,
    (value) => JSON.stringify({ signatures: value.signatures }),
    "format.description",
    "description, line 2",
  );
  let note;
  try {
    note = parseNote(concatBytes(line, utf8(`\n\n${signatures}`)));
  } catch (cause) {
    throw malformed("its signatures are not signature lines of a signed note", cause);
  }
  if (note.text !== `${fromUtf8(line)}\n`) throw malformed("its signatures cover another text");
  verifyNote(note, keys);
}

/**
 * The keys that an archive names for logs of its own: those under a name below its origin, such as
 * `audit.example.org/_sweeps`. Each signs for the log of that name and those below it, and for nothing else; who believes the
 * archive's key, which signed this, believes them. A log's description delegates nothing.
 */
export function delegatedKeys({ kind, origin, keys }: Description): VerifierKey[] {
  return kind === "archive" ? keys.map(parseVerifierKey).filter(({ name }) => name.startsWith(`${origin}/`)) : [];
}

/** The lock period of a description. */
export function descriptionPeriod(description: Description): Period {
  return parsePeriod(description.retention.period);
}

function spell(d: Description): string {
  return JSON.stringify({
    format: d.format,
    kind: d.kind,
    origin: d.origin,
    created: d.created,
    retention: { mode: d.retention.mode, period: d.retention.period },
    keys: d.keys,
  });
}

function splitLines(bytes: Uint8Array): { line: Uint8Array; trailer: Uint8Array } {
  const first = bytes.indexOf(0x0a);
  const second = bytes.indexOf(0x0a, first + 1);
  if (bytes.length > MAX_DESCRIPTION_BYTES || first < 0 || second !== bytes.length - 1) {
    throw malformed(`expected two lines of at most ${MAX_DESCRIPTION_BYTES} bytes, each ending in a line feed`);
  }
  return { line: bytes.subarray(0, first), trailer: bytes.subarray(first + 1, second) };
}

function isPeriod(value: string): boolean {
  try {
    return formatPeriod(parsePeriod(value)) === value;
  } catch {
    return false;
  }
}

function isVkey(value: string): boolean {
  try {
    parseVerifierKey(value);
    return true;
  } catch {
    return false;
  }
}

function malformed(reason: string, cause?: unknown): SteleError {
  return new SteleError("format.description", `description: ${reason}`, { cause });
}
