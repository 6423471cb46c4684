import type { ErrorCode } from "../../core/error.ts";
import type { LogIdentity } from "../archive.ts";
import type { Candidates, Other } from "../candidates.ts";
import { type Finding, type FindingCode, finding, isReadFailure } from "../finding.ts";

/** What lies in a manifest's place besides the manifest, or instead of it. */
export function manifestFindings(log: LogIdentity, { index, chosen, others, deleteMarkers }: Candidates): Finding[] {
  const findings: Finding[] = [];
  for (const { key, versionId } of deleteMarkers) {
    const message = `a delete marker was put on manifest ${index}: it looks deleted to whoever asks without a version`;
    findings.push(finding("object.delete-marker", log.name, message, { object: key, versionId, index }));
  }
  for (const other of others) findings.push(otherFinding(log, index, other, chosen?.version.key ?? null));
  return findings;
}

function otherFinding(log: LogIdentity, index: number, { version, refused }: Other, chosenKey: string | null): Finding {
  const where = { object: version.key, versionId: version.versionId, index };
  if (refused === null) {
    return finding(
      "object.duplicate",
      log.name,
      `a second copy of manifest ${index}, as a retried upload leaves behind; harmless`,
      where,
    );
  }
  if (refused.code === "log.fenced") {
    return finding(
      "checkpoint.inconsistent",
      log.name,
      `two manifests ${index} are validly signed: the log has two histories`,
      where,
    );
  }
  if (chosenKey === null || codeOf(refused.code) === "manifest.unreadable")
    return finding(codeOf(refused.code), log.name, refused.message, where);
  if (version.key === chosenKey) {
    return finding(
      "object.shadowed",
      log.name,
      `other content lies at the key of manifest ${index}; the log's own still counts: ${refused.message}`,
      where,
    );
  }
  return finding(
    "object.stray",
    log.name,
    `it lies in the place of manifest ${index} without being it: ${refused.message}`,
    where,
  );
}

/** Why there is no manifest where an object lies in its place. */
function codeOf(code: ErrorCode): FindingCode {
  if (isReadFailure(code)) return "manifest.unreadable";
  switch (code) {
    case "proof.signature":
      return "checkpoint.bad-signature";
    case "store.not-found":
      return "manifest.missing";
    default:
      return "manifest.altered";
  }
}
