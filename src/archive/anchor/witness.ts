import { concatBytes, toBase64, utf8 } from "../../core/bytes.ts";
import { encodeCheckpoint, type SignedCheckpoint } from "../../core/checkpoint.ts";
import { type Cosignature, type CosignerKey, verifyCosignatures } from "../../core/cosignature.ts";
import { isSteleError, SteleError } from "../../core/error.ts";
import { MAX_NOTE_BYTES, parseNote } from "../../core/note.ts";
import { toMillis } from "../../core/time.ts";
import { type Answer, type Connection, post, saying } from "./http.ts";

/** A C2SP witness: where it takes checkpoints, and the key it cosigns with. */
export interface Witness {
  /** Submission prefix: `add-checkpoint` is put behind it. */
  readonly url: string;
  readonly key: CosignerKey;
}

/** Gives the consistency proof from so many manifests to the checkpoint's. */
export type ProveFrom = (oldSize: number) => Promise<readonly Uint8Array[]>;

/** Another client may bring the witness a checkpoint between two of our requests, but not again and again. */
const MAX_TRIES = 4;
/** A cosignature from the future says nothing yet. */
const MAX_AHEAD_MS = 10 * 60_000;

/**
 * Has a witness cosign a checkpoint (c2sp.org/tlog-witness, `add-checkpoint`).
 * @param known the size that the witness is believed to know; it says so itself when it is another
 * @throws SteleError `anchor.failed` when it does not, `proof.signature` when its cosignature is wrong, `log.unsound` when it
 *   knows another history of this log, or a longer one
 */
export async function askWitness(
  witness: Witness,
  checkpoint: SignedCheckpoint,
  known: number,
  prove: ProveFrom,
  options: Connection & { readonly now: () => number },
): Promise<Cosignature> {
  const { key } = witness;
  const url = `${witness.url.replace(/\/+$/, "")}/add-checkpoint`;
  let old = Math.min(known, checkpoint.size);
  for (let tries = 1; ; tries++) {
    const body = await encodeRequest(old, checkpoint, prove);
    const answer = await post(options, url, { contentType: "text/plain; charset=utf-8", body, maxBytes: MAX_NOTE_BYTES });
    if (answer.status === 200) return readCosignature(answer, checkpoint, key, options.now());
    if (answer.status !== 409) throw refusal(key, checkpoint, answer);
    const size = sizeIn(answer);
    // Asked with the size it knows, a witness has only the root left to differ in.
    if (old === checkpoint.size && (size === null || size === old)) throw otherTree(key, checkpoint);
    if (size !== null && size > checkpoint.size) throw longer(key, checkpoint, size);
    if (size === null || size === old) throw refusal(key, checkpoint, answer);
    if (tries >= MAX_TRIES) {
      throw new SteleError(
        "anchor.failed",
        `witness ${key.name}: it names another size at every try, ${size} at last; try again`,
      );
    }
    old = size;
  }
}

async function encodeRequest(old: number, checkpoint: SignedCheckpoint, prove: ProveFrom): Promise<Uint8Array<ArrayBuffer>> {
  const proof = old === 0 || old === checkpoint.size ? [] : await prove(old);
  const lines = proof.map((hash) => `${toBase64(hash)}\n`).join("");
  return concatBytes(utf8(`old ${old}\n${lines}\n`), encodeCheckpoint(checkpoint));
}

function readCosignature(answer: Answer, checkpoint: SignedCheckpoint, key: CosignerKey, now: number): Cosignature {
  let cosignature: Cosignature | undefined;
  try {
    // Signature lines, behind the text that they are to sign.
    const note = parseNote(concatBytes(utf8(`${checkpoint.note.text}\n`), answer.body));
    if (note.text !== checkpoint.note.text) throw new SteleError("format.note", "expected signature lines and nothing else");
    [cosignature] = verifyCosignatures(note, [key]);
  } catch (cause) {
    if (!isSteleError(cause)) throw cause;
    const code = cause.code === "proof.signature" ? cause.code : "anchor.failed";
    throw new SteleError(code, `witness ${key.name}: its answer is no cosignature: ${cause.message}`, { cause });
  }
  if (cosignature === undefined) {
    throw new SteleError(
      "anchor.failed",
      `witness ${key.name}: its answer holds no cosignature by ${key.vkey}: is that its key?`,
    );
  }
  if (toMillis(cosignature.time) > now + MAX_AHEAD_MS) {
    throw new SteleError(
      "anchor.failed",
      `witness ${key.name}: it cosigned at ${cosignature.time}, which is still to come: its clock or this machine's is wrong`,
    );
  }
  return cosignature;
}

/** The size in the answer to a conflict: decimal, a line feed; null when it says none. */
function sizeIn({ contentType, body }: Answer): number | null {
  if (contentType !== "text/x.tlog.size" || body.length > 32) return null;
  const [, digits] = /^(0|[1-9]\d{0,15})\n$/.exec(new TextDecoder().decode(body)) ?? [];
  const size = Number(digits ?? Number.NaN);
  return Number.isSafeInteger(size) ? size : null;
}

function refusal({ name }: CosignerKey, { origin }: SignedCheckpoint, answer: Answer): SteleError {
  const said = saying(answer);
  switch (answer.status) {
    case 403:
      return new SteleError(
        "anchor.failed",
        `witness ${name}: it knows ${origin}, but not the key that signed it${said}; tell its operator`,
      );
    case 404:
      return new SteleError(
        "anchor.failed",
        `witness ${name}: it does not know the log ${origin}${said}; give its operator origin and vkey`,
      );
    case 422:
      return new SteleError(
        "log.unsound",
        `witness ${name}: the log ${origin} does not extend what the witness has seen of it${said}: there are two histories; run "stele verify"`,
      );
    default:
      return new SteleError("anchor.failed", `witness ${name}: it answered ${answer.status}${said}`);
  }
}

function otherTree({ name }: CosignerKey, { origin, size }: SignedCheckpoint): SteleError {
  return new SteleError(
    "log.unsound",
    `witness ${name}: it has cosigned another tree of ${origin} at size ${size}: there are two histories; run "stele verify"`,
  );
}

function longer({ name }: CosignerKey, checkpoint: SignedCheckpoint, size: number): SteleError {
  return new SteleError(
    "log.unsound",
    `witness ${name}: it has cosigned ${checkpoint.origin} with ${size} manifests, and here the log ends after ${checkpoint.size}: ` +
      `its tail was cut off, or it grew just now; run "stele verify"`,
  );
}
