import { isSteleError } from "../../core/error.ts";
import type { Retention } from "../../core/retention.ts";
import { type Timestamp, timestamp, toMillis } from "../../core/time.ts";
import type { Store } from "../../store/port.ts";
import { type Finding, finding } from "../finding.ts";

/** An object version and the lock that the log promised for it. */
export interface PromisedLock {
  readonly log: string;
  readonly key: string;
  readonly versionId: string | null;
  readonly index: number | null;
  readonly promised: Retention;
}

const EXPIRING_DAYS = 30;

/** Compares the lock that the store shows with the promise. A lock that can't be seen is neither there nor absent. */
export async function checkLock(store: Store, lock: PromisedLock, now: number, signal?: AbortSignal): Promise<Finding[]> {
  const { log, key, versionId, index, promised } = lock;
  const where = { object: key, versionId, index };
  const expected = `${promised.mode} until ${promised.until}`;
  let actual: Retention | null;
  try {
    actual = (await store.lockState(key, { versionId, signal })).retention;
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
    // Whether the object is there at all is for the one who looks for the object.
    if (error.code === "store.not-found") return [];
    return [finding("lock.unreadable", log, `its lock can't be read: ${error.message}`, { ...where, expected })];
  }
  if (actual === null) {
    if (promised.until <= timestamp(now)) return [];
    return [
      finding("lock.absent", log, "it is not locked: anyone with the right to may delete it", {
        ...where,
        expected,
        actual: "no lock",
      }),
    ];
  }
  const shown = { ...where, expected, actual: `${actual.mode} until ${actual.until}` };
  const findings: Finding[] = [];
  if (promised.mode === "COMPLIANCE" && actual.mode !== "COMPLIANCE") {
    findings.push(finding("lock.weaker-mode", log, "its lock can be taken off by whoever may bypass governance", shown));
  }
  if (actual.until < promised.until)
    findings.push(finding("lock.short", log, "its lock ends earlier than the log promised", shown));
  if (isSoon(actual.until, now))
    findings.push(finding("lock.expiring", log, `its lock ends within ${EXPIRING_DAYS} days`, shown));
  return findings;
}

function isSoon(until: Timestamp, now: number): boolean {
  const left = toMillis(until) - now;
  return left > 0 && left < EXPIRING_DAYS * 86_400_000;
}
