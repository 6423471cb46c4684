import { equalBytes, toBase64 } from "../../core/bytes.ts";
import { chainStart } from "../../core/chain.ts";
import type { Commit } from "../../core/commit.ts";
import { CompactRange } from "../../core/compact-range.ts";
import { emptyRoot } from "../../core/hash.ts";
import type { LogIdentity } from "../archive.ts";
import { type Finding, finding } from "../finding.ts";

/**
 * Whether a manifest goes on where the one before it ended: the tree, the `previous` link, the entries' indexes, the chain
 * and the sealing time. The tree alone would do; the others are checked because a structure that nobody checks is where two
 * histories hide.
 *
 * @param before the manifest before it; null when there is none at index - 1 that could be read
 * @param lastSeen the newest manifest that was accepted at all
 */
export function checkContinuity(
  log: LogIdentity,
  commit: Commit,
  before: Commit | null,
  lastSeen: Commit | null,
  key: string,
): Finding[] {
  const { manifest } = commit;
  const { index } = manifest;
  const findings: Finding[] = [];
  const broken = (what: string, expected: string | number, actual: string | number): void => {
    const message = `manifest ${index} does not go on where manifest ${index - 1} ended: ${what}`;
    findings.push(
      finding("chain.broken", log.name, message, { object: key, index, expected: String(expected), actual: String(actual) }),
    );
  };
  if (before === null && index > 0) {
    const common = commonTree(lastSeen?.after ?? CompactRange.empty, commit.before);
    if (common !== null) findings.push(otherHistory(log, index, key, common));
    return findings;
  }
  const tree = before?.after ?? CompactRange.empty;
  if (!equalBytes(tree.root(), commit.before.root())) {
    findings.push(otherHistory(log, index, key, { expected: tree.root(), actual: commit.before.root() }));
  }
  if (before !== null && manifest.previous !== toBase64(before.leaf))
    broken("previous", toBase64(before.leaf), manifest.previous ?? "null");
  const first = before === null ? 0 : before.manifest.entries.first + before.manifest.entries.count;
  if (manifest.entries.first !== first) broken("first entry", first, manifest.entries.first);
  if (before !== null && manifest.sealed < before.manifest.sealed)
    broken("sealing time", `${before.manifest.sealed} or later`, manifest.sealed);
  if (before?.manifest.closed === true) broken("the log was closed", "nothing", `manifest ${index}`);
  for (const { time } of manifest.appends) {
    if (time > manifest.sealed) broken("an arrival later than the sealing", `${manifest.sealed} or earlier`, time);
  }
  if (manifest.segment === null) {
    const chain = before?.manifest.entries.chain ?? toBase64(chainStart(log.origin));
    if (manifest.entries.chain !== chain) broken("chain", chain, manifest.entries.chain);
    const root = toBase64(emptyRoot());
    if (manifest.entries.root !== root) broken("root of no entries", root, manifest.entries.root);
  }
  return findings;
}

function otherHistory(
  log: LogIdentity,
  index: number,
  key: string,
  roots: { expected: Uint8Array; actual: Uint8Array },
): Finding {
  return finding(
    "checkpoint.inconsistent",
    log.name,
    `the checkpoint of manifest ${index} signs another history than the manifests before it`,
    {
      object: key,
      index,
      expected: `root ${toBase64(roots.expected)}`,
      actual: `root ${toBase64(roots.actual)}`,
    },
  );
}

/** Across a gap: the perfect subtrees that lie wholly before it stand in both compact ranges, and must be the same. */
function commonTree(known: CompactRange, later: CompactRange): { expected: Uint8Array; actual: Uint8Array } | null {
  let covered = 0;
  for (const [i, actual] of later.nodes.entries()) {
    let size = 1;
    while (size * 2 <= later.size - covered) size *= 2;
    covered += size;
    const expected = known.nodes[i];
    if (covered > known.size || expected === undefined) return null;
    if (!equalBytes(expected, actual)) return { expected, actual };
  }
  return null;
}
