import { sha256 } from "#sha256";
import type { Description } from "../../core/description.ts";
import { descriptionPeriod } from "../../core/description.ts";
import { type ErrorCode, isSteleError, type SteleError } from "../../core/error.ts";
import type { VerifierKey } from "../../core/key.ts";
import { retainUntil } from "../../core/retention.ts";
import type { Store } from "../../store/port.ts";
import { versionsOf } from "../versions-of.ts";
import { readDescription, type StoredDescription } from "../descriptions.ts";
import { askFor } from "../ask-for.ts";
import { type Finding, type FindingCode, finding, isReadFailure } from "../finding.ts";
import { checkLock } from "./lock-check.ts";
import { examinePlace } from "./place.ts";

/** What to look for at a description's key. */
export interface DescriptionCheck {
  readonly key: string;
  readonly kind: Description["kind"];
  /** null: believe the keys that it names. */
  readonly keys: readonly VerifierKey[] | null;
  /** For findings: the log, or "" for the archive. */
  readonly log: string;
  readonly origin: string | null;
  /** Whether locks and other versions are looked at. */
  readonly locks: boolean;
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
}

/** Checks `archive.json` or a `log.json`: there, signed, of the right origin, locked, not shadowed. */
export async function checkDescription(
  store: Store,
  check: DescriptionCheck,
): Promise<{ stored: StoredDescription | null; refused: SteleError | null; findings: Finding[] }> {
  const { key, kind, keys, log, origin, locks, now, signal } = check;
  let stored: StoredDescription | null;
  try {
    stored = await readDescription(store, key, kind, keys, signal);
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true || (kind === "archive" && error.code === "log.key")) throw error;
    return { stored: null, refused: error, findings: [finding(codeOf(error.code), log, error.message, { object: key })] };
  }
  if (stored === null) {
    const direct = await askFor(store, key, null, signal);
    if (direct !== null) {
      const why = isSteleError(direct)
        ? `whether it is there can't be told: ${direct.message}`
        : "it is there when asked for by its key";
      const message = `the listing does not have ${key}, and ${why}`;
      return { stored, refused: null, findings: [finding("description.unreadable", log, message, { object: key })] };
    }
    return {
      stored,
      refused: null,
      findings: [
        finding("description.missing", log, `${key} is missing: it says what the ${kind} is called and whose keys sign it`, {
          object: key,
        }),
      ],
    };
  }
  const { description, bytes, version } = stored;
  const findings: Finding[] = [];
  if (origin !== null && description.origin !== origin) {
    const message = `${key} describes another ${kind}`;
    findings.push(finding("description.altered", log, message, { object: key, expected: origin, actual: description.origin }));
  }
  if (!locks) return { stored, refused: null, findings };
  const named = {
    log,
    index: null,
    versionId: version.versionId,
    size: bytes.length,
    sha256: sha256(bytes),
    unreadable: "description.unreadable",
  } as const;
  const place = await examinePlace(store, named, await versionsOf(store, key, signal), signal);
  if (place.present === null) {
    const message = `the listing left out ${key}, which was read: what else lies there can't be told`;
    findings.push(finding("description.unreadable", log, message, { object: key }));
  }
  findings.push(...place.findings);
  if (store.capabilities.locks !== "none") {
    const promised = {
      mode: description.retention.mode,
      until: retainUntil(description.created, descriptionPeriod(description)),
    };
    findings.push(...(await checkLock(store, { log, key, versionId: version.versionId, index: null, promised }, now, signal)));
  }
  return { stored, refused: null, findings };
}

function codeOf(code: ErrorCode): FindingCode {
  if (isReadFailure(code)) return "description.unreadable";
  return code === "store.not-found" ? "description.missing" : "description.altered";
}
