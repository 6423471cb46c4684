import type { FindingCode } from "../../../src/archive/finding.ts";
import type { Retention } from "../../../src/core/retention.ts";
import { timestamp, toMillis } from "../../../src/core/time.ts";
import { at, type TamperCase } from "./case.ts";
import { TARGETS } from "./version-cases.ts";

const DAY = 86_400_000;

/** Locks that are less than the log promised, and what a verifier calls them. */
export const LESSER_LOCKS: readonly {
  readonly what: string;
  readonly code: FindingCode;
  readonly lock: (promised: Retention) => Retention | null;
}[] = [
  {
    what: "a lock that ends a day early",
    code: "lock.short",
    lock: ({ mode, until }) => ({ mode, until: timestamp(toMillis(until) - DAY) }),
  },
  {
    what: "GOVERNANCE where COMPLIANCE was promised",
    code: "lock.weaker-mode",
    lock: ({ until }) => ({ mode: "GOVERNANCE", until }),
  },
  { what: "no lock", code: "lock.absent", lock: () => null },
];

export const LOCK_CASES: readonly TamperCase[] = [
  ...LESSER_LOCKS.flatMap(({ what, code, lock }) =>
    TARGETS.map((target): TamperCase => ({
      name: `${what}, on ${target.what}`,
      needs: ["relock"],
      tamper: (scene) => scene.place.relock(target.key(scene), lock(scene.retention)),
      expected: (scene) => [at(code, target.index, target.key(scene))],
      verdict: "unsound",
      reads: "all",
    })),
  ),
  {
    name: "a longer lock than promised, on a manifest",
    needs: ["relock"],
    tamper: ({ place, manifest, retention }) =>
      place.relock(manifest(3), { ...retention, until: timestamp(toMillis(retention.until) + DAY) }),
    expected: () => [],
    verdict: "sound",
    reads: "all",
  },
];
