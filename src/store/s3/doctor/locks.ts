import { setTimeout as delay } from "node:timers/promises";
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
} from "@aws-sdk/client-s3";
import { readLockState } from "../locks.ts";
import { type Finding, type Probe, type ProbeVersion, type Question, answerOf, attack } from "./probe.ts";

const UNDELETABLE = "A locked object can be destroyed before its time. Don't archive here.";

/** Attacks on a locked version, and what must go on working beside them. */
export const LOCK_QUESTIONS: readonly Question[] = [
  {
    id: "lock.read-back",
    title: "The lock of a new object can be read back",
    expected: "mode and retain-until as given, no legal hold",
    ask: async (probe) => {
      const until = probe.until();
      const { retention, legalHold } = await readLockState(probe.client, await probe.putLocked("read-back", until), probe.signal);
      const kept = retention?.mode === "COMPLIANCE" && Date.parse(retention.until) === until.getTime() && !legalHold;
      const observed = retention === null ? "no lock" : `${retention.mode} until ${retention.until}${legalHold ? ", held" : ""}`;
      if (kept) return { verdict: "pass", observed };
      return { verdict: "fail", observed, consequence: "Locks are not what was asked for. Don't archive here." };
    },
  },
  deletion("version.delete", "DELETE of a locked version", (probe, version) =>
    probe.client.send(new DeleteObjectCommand(version), probe.options),
  ),
  deletion("version.batch-delete", "DeleteObjects with a locked version", async (probe, { Bucket, Key, VersionId }) => {
    const answer = await probe.client.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key, VersionId }] } }),
      probe.options,
    );
    const [failed] = answer.Errors ?? [];
    // The batch as a whole succeeds; each key's own answer is in its body.
    if (failed !== undefined)
      throw Object.assign(new Error(failed.Message), { Code: failed.Code ?? "", $metadata: { httpStatusCode: 403 } });
  }),
  deletion("version.bypass", "DELETE of a locked version with the bypass of governance", (probe, version) =>
    probe.client.send(new DeleteObjectCommand({ ...version, BypassGovernanceRetention: true }), probe.options),
  ),
  weakening("lock.shorten", "Shortening a COMPLIANCE lock", (probe, version) => {
    const Retention = { Mode: "COMPLIANCE" as const, RetainUntilDate: probe.until(0.5) };
    return probe.client.send(
      new PutObjectRetentionCommand({ ...version, Retention, BypassGovernanceRetention: true }),
      probe.options,
    );
  }),
  weakening("lock.downgrade", "Turning a COMPLIANCE lock into GOVERNANCE", (probe, version) => {
    const Retention = { Mode: "GOVERNANCE" as const, RetainUntilDate: probe.until(2) };
    return probe.client.send(
      new PutObjectRetentionCommand({ ...version, Retention, BypassGovernanceRetention: true }),
      probe.options,
    );
  }),
  {
    id: "lock.extend",
    title: "Extending a COMPLIANCE lock",
    expected: "accepted, and read back as set",
    ask: async (probe) => {
      const version = await probe.putLocked("extend");
      const until = probe.until(2);
      const refusal = await attack(() => extend(probe, version, until));
      const { retention } = await readLockState(probe.client, version, probe.signal);
      if (refusal === null && retention !== null && Date.parse(retention.until) === until.getTime()) {
        return { verdict: "pass", observed: "accepted" };
      }
      return {
        verdict: "fail",
        observed:
          refusal === null ? `accepted, but it ends ${retention?.until ?? "never: no lock"}` : `refused: ${answerOf(refusal)}`,
        consequence: "A lock that a store lost on upload can't be mended, and retention can't be prolonged.",
      };
    },
  },
  shadowing("shadow.overwrite", "PUT over a locked key", "overwrite", async (probe) => {
    await probe.putLocked("overwrite");
  }),
  shadowing("shadow.delete-marker", "DELETE of a locked key without a version id", "delete-marker", async (probe) => {
    await probe.client.send(new DeleteObjectCommand(probe.key("delete-marker")), probe.options);
  }),
  {
    id: "hold.delete",
    title: "DELETE of a version under legal hold, without a running retention",
    expected: "refused while held",
    ask: async (probe) => {
      const version = await putUnretained(probe, "hold");
      await setHold(probe, version, "ON");
      try {
        const { legalHold } = await readLockState(probe.client, version, probe.signal);
        const refusal = await attack(() => probe.client.send(new DeleteObjectCommand(version), probe.options));
        const intact = await probe.isIntact(version);
        if (legalHold && refusal !== null && intact) return await unlessNoRight(probe, "refused: " + answerOf(refusal));
        return {
          verdict: "fail",
          observed: `${legalHold ? "shown as held" : "not shown as held"}, DELETE ${refusal === null ? "accepted" : answerOf(refusal)}`,
          consequence: "Legal holds don't hold here; only retention does.",
        };
      } finally {
        await attack(() => setHold(probe, version, "OFF"));
      }
    },
  },
];

function deletion(id: string, title: string, remove: (probe: Probe, version: ProbeVersion) => Promise<unknown>): Question {
  return {
    id,
    title,
    expected: "refused, and the version is still there",
    ask: async (probe) => {
      const version = await probe.putLocked(id);
      const refusal = await attack(() => remove(probe, version));
      if (refusal === null || !(await probe.isIntact(version))) {
        const observed = refusal === null ? "accepted" : `answered ${answerOf(refusal)}, but the version is gone`;
        return { verdict: "fail", observed, consequence: UNDELETABLE };
      }
      return unlessNoRight(probe, `refused: ${answerOf(refusal)}`);
    },
  };
}

/**
 * A refusal proves the lock only when the caller may delete at all. That is tried on a delete marker, which no lock covers.
 */
async function unlessNoRight(probe: Probe, observed: string): Promise<Finding> {
  const name = "control";
  const { VersionId } = await probe.client.send(new DeleteObjectCommand(probe.key(name)), probe.options);
  if (VersionId === undefined)
    return { verdict: "unknown", observed: `${observed}; whether the caller may delete at all is unclear` };
  const refusal = await attack(() =>
    probe.client.send(new DeleteObjectCommand({ ...probe.key(name), VersionId }), probe.options),
  );
  if (refusal === null) return { verdict: "pass", observed };
  return {
    verdict: "unknown",
    observed: `${observed}; but this caller may not delete any version (${answerOf(refusal)})`,
    consequence: "The refusal shows the caller's rights, not the lock. Try again with credentials that may delete versions.",
  };
}

function weakening(id: string, title: string, weaken: (probe: Probe, version: ProbeVersion) => Promise<unknown>): Question {
  return {
    id,
    title,
    expected: "refused, and the lock is as before",
    ask: async (probe) => {
      const until = probe.until();
      const version = await probe.putLocked(id, until);
      const refusal = await attack(() => weaken(probe, version));
      const { retention } = await readLockState(probe.client, version, probe.signal);
      const same = retention?.mode === "COMPLIANCE" && Date.parse(retention.until) === until.getTime();
      if (refusal === null || !same) {
        const now = retention === null ? "no lock" : `${retention.mode} until ${retention.until}`;
        return {
          verdict: "fail",
          observed: `${refusal === null ? "accepted" : answerOf(refusal)}; now ${now}`,
          consequence: UNDELETABLE,
        };
      }
      const observed = `refused: ${answerOf(refusal)}`;
      const control = await attack(() => extend(probe, version, probe.until(2)));
      if (control === null) return { verdict: "pass", observed };
      return {
        verdict: "unknown",
        observed: `${observed}; but this caller may not set any retention (${answerOf(control)})`,
        consequence: "The refusal shows the caller's rights, not the lock. Try again with credentials that may set retention.",
      };
    },
  };
}

function shadowing(id: string, title: string, name: string, shadow: (probe: Probe) => Promise<void>): Question {
  return {
    id,
    title,
    expected: "the locked version stays readable by its id",
    ask: async (probe) => {
      const version = await probe.putLocked(name);
      const refusal = await attack(() => shadow(probe));
      if (await probe.isIntact(version)) {
        return {
          verdict: "pass",
          observed: refusal === null ? "accepted; the version is intact" : `refused: ${answerOf(refusal)}`,
        };
      }
      return { verdict: "fail", observed: "the locked version is gone", consequence: UNDELETABLE };
    },
  };
}

/** An object without a running retention. Where the bucket locks every object by default, a short lock has to run out first. */
async function putUnretained(probe: Probe, name: string): Promise<ProbeVersion> {
  if (probe.bucketDefault === null) return probe.put(name);
  const until = new Date((Math.ceil(probe.now() / 1000) + 2) * 1000);
  const version = await probe.putLocked(name, until);
  await delay(until.getTime() - probe.now() + 1500, undefined, probe.signal === undefined ? {} : { signal: probe.signal });
  return version;
}

function setHold(probe: Probe, version: ProbeVersion, Status: "ON" | "OFF"): Promise<unknown> {
  return probe.client.send(new PutObjectLegalHoldCommand({ ...version, LegalHold: { Status } }), probe.options);
}

function extend(probe: Probe, version: ProbeVersion, RetainUntilDate: Date): Promise<unknown> {
  const Retention = { Mode: "COMPLIANCE" as const, RetainUntilDate };
  return probe.client.send(new PutObjectRetentionCommand({ ...version, Retention }), probe.options);
}
