import type { Finding } from "../../archive/finding.ts";
import type { Commit } from "../../core/commit.ts";
import type { Found } from "../state/found.ts";

/** A finding with the entries that it affects, where it is of this manifest. */
export function withEntries(finding: Finding, { manifest }: Commit): Found {
  const { first, count } = manifest.entries;
  if (finding.index !== manifest.index || count === 0) return finding;
  return { ...finding, entries: { first, end: first + count } };
}
