import type { LogIdentity } from "../../archive/archive.ts";
import { type Finding, finding } from "../../archive/finding.ts";
import type { Commit } from "../../core/commit.ts";
import { logKey, parseManifestKey } from "../../core/layout.ts";
import { timestamp } from "../../core/time.ts";
import type { LockState } from "../../store/port.ts";
import type { LockPolicy } from "../config.ts";

interface SeenLock {
  readonly key: string;
  readonly versionId: string | null;
  readonly lock: LockState;
}

/**
 * Holds locks against a policy that is stricter than what the log promised. It listens to the answers that the round asks for
 * anyway, so that it costs no request.
 */
export class PolicyCheck {
  readonly #policy: LockPolicy;
  readonly #seen = new Map<string, SeenLock>();

  constructor(policy: LockPolicy) {
    this.#policy = policy;
  }

  saw(key: string, versionId: string | null, lock: LockState): void {
    if (this.#policy.mode === undefined && this.#policy.minimumLeft === undefined) return;
    this.#seen.set(JSON.stringify([key, versionId]), { key, versionId, lock });
  }

  /** What the policy says of the locks of a manifest and its segment, where the promise did not say it already. */
  judge(log: LogIdentity, { manifest }: Commit, said: readonly Finding[], now: number): Finding[] {
    const findings: Finding[] = [];
    const segment = manifest.segment === null ? null : logKey(log.name, manifest.segment.key);
    for (const [place, one] of this.#seen) {
      const ofManifest = parseManifestKey(one.key.slice(log.name.length + 1))?.index === manifest.index;
      if (!ofManifest && one.key !== segment) continue;
      this.#seen.delete(place);
      for (const broken of this.#broken(log, manifest.index, one, now)) {
        if (
          !said.some(
            ({ code, object, versionId }) => code === broken.code && object === broken.object && versionId === broken.versionId,
          )
        )
          findings.push(broken);
      }
    }
    return findings;
  }

  /** Forgets what was seen and belongs to no manifest that was checked. */
  clear(): void {
    this.#seen.clear();
  }

  *#broken({ name }: LogIdentity, index: number, { key, versionId, lock }: SeenLock, now: number): Generator<Finding> {
    const { mode, minimumLeft = 0 } = this.#policy;
    const where = { object: key, versionId, index };
    const { retention } = lock;
    const least = timestamp(now + minimumLeft);
    const expected = `${mode ?? "any mode"}, until ${least} or later`;
    if (retention === null) {
      yield finding("lock.absent", name, "it is not locked, and the policy asks for a lock", {
        ...where,
        expected,
        actual: "no lock",
      });
      return;
    }
    const actual = `${retention.mode} until ${retention.until}`;
    if (mode === "COMPLIANCE" && retention.mode !== "COMPLIANCE")
      yield finding("lock.weaker-mode", name, "its lock is of a weaker mode than the policy asks for", {
        ...where,
        expected,
        actual,
      });
    if (minimumLeft > 0 && retention.until < least)
      yield finding("lock.short", name, "its lock ends sooner than the policy asks for", { ...where, expected, actual });
  }
}
