import type { ObjectVersion } from "../../store/port.ts";
import { type Finding, finding } from "../finding.ts";

/** Where conformance checks put their probes. */
const PROBES_PREFIX = "_doctor/";

/** An object that belongs to no log of the archive. What a conformance check left is worth knowing, no more. */
export function strayOfNoLog({ key, versionId }: ObjectVersion): Finding {
  if (key.startsWith(PROBES_PREFIX)) {
    const message = "left behind by a conformance check until its short lock ends";
    return finding("object.stray", "", message, { object: key, versionId, severity: "info" });
  }
  return finding("object.stray", "", "it belongs to no log of this archive", { object: key, versionId });
}
