import { z } from "zod";
import { fromBase64, toBase64, utf8 } from "../../core/bytes.ts";
import { parseCanonical, text } from "../../core/canonical-json.ts";
import { SteleError } from "../../core/error.ts";
import { MAX_NOTE_BYTES } from "../../core/note.ts";

/** A checkpoint's note and the time-stamp token over its bytes, together: one is worth nothing without the other. */
export interface StampedCheckpoint {
  /** The signed note, byte for byte what the token stamps. */
  readonly checkpoint: string;
  /** Where the token came from, for people: it proves nothing. */
  readonly authority: string;
  /** DER of the RFC 3161 TimeStampToken. */
  readonly token: Uint8Array;
}

const FORMAT = "stele-timestamp/1";
const MAX_URL = 2048;
const MAX_TOKEN_BASE64 = 262_144;
/** Longest object that is looked at. */
export const MAX_STAMPED_BYTES: number = 2 * MAX_NOTE_BYTES + MAX_TOKEN_BASE64 + 2 * MAX_URL;

interface Spelled {
  readonly format: typeof FORMAT;
  readonly checkpoint: string;
  readonly authority: string;
  readonly token: string;
}

const schema: z.ZodType<Spelled> = z.strictObject({
  format: z.literal(FORMAT),
  checkpoint: text(MAX_NOTE_BYTES),
  authority: text(MAX_URL),
  token: z.string().max(MAX_TOKEN_BASE64),
});

/** One line of JSON and a line feed. */
export function encodeStamped({ checkpoint, authority, token }: StampedCheckpoint): Uint8Array<ArrayBuffer> {
  return utf8(`${spell({ format: FORMAT, checkpoint, authority, token: toBase64(token) })}\n`);
}

/** Reads {@link encodeStamped}'s line in its one spelling. The token is not checked here. @throws SteleError `format.note`, `format.encoding` */
export function parseStamped(bytes: Uint8Array): StampedCheckpoint {
  const last = bytes.length - 1;
  if (bytes.length > MAX_STAMPED_BYTES || bytes.indexOf(0x0a) !== last) {
    throw new SteleError(
      "format.note",
      `time-stamped checkpoint: expected one line of at most ${MAX_STAMPED_BYTES} bytes that ends in a line feed, got ${bytes.length} bytes`,
    );
  }
  const { checkpoint, authority, token } = parseCanonical(
    bytes.subarray(0, last),
    schema,
    spell,
    "format.note",
    "time-stamped checkpoint",
  );
  return { checkpoint, authority, token: fromBase64(token, "token") };
}

function spell({ format, checkpoint, authority, token }: Spelled): string {
  return JSON.stringify({ format, checkpoint, authority, token });
}
