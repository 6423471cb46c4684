import { equalBytes, fromBase64, fromUtf8 } from "../../core/bytes.ts";
import { encodeCheckpoint } from "../../core/checkpoint.ts";
import type { Commit } from "../../core/commit.ts";
import { entryEnds, entryLeaves } from "../../core/entries.ts";
import { SteleError } from "../../core/error.ts";
import { merkleRoot } from "../../core/tree.ts";
import type { Store } from "../../store/port.ts";
import { History } from "../history.ts";
import type { LogWriter } from "../log-writer.ts";
import type { ClosedFile, CommittedFile } from "../spool/delivery.ts";
import type { Spool } from "../spool/spool.ts";

/**
 * Brings a spool and its log together after a start or a failure: what the log already holds is retired from the spool, and an
 * empty spool learns where the log stands. A spool file is one segment, so the two are compared one to one.
 *
 * @param retired called for each file that turned out to be archived
 * @throws SteleError `log.unsound` when the log no longer holds what this spool saw committed; `log.fenced` when other entries
 *   stand where this spool's were promised: nothing is archived then, and nothing of the spool is lost
 */
export async function reconcile(
  store: Store,
  writer: LogWriter,
  spool: Spool,
  retired: (file: ClosedFile, commit: Commit) => void,
): Promise<void> {
  await requireRemembered(store, writer, spool);
  if (spool.entries > 0) {
    for (const commit of await segmentsSince(store, writer, firstSpooled(spool))) {
      const [file] = spool.pending;
      if (file === undefined || !(await holds(spool, file, commit))) throw conflict(writer, spool, commit);
      await spool.retire(file, committedFile(commit));
      retired(file, commit);
    }
  }
  if (spool.entries === 0) {
    spool.start(writer.nextEntry);
    return;
  }
  if (writer.nextEntry !== firstSpooled(spool)) {
    throw new SteleError(
      "log.unsound",
      `log ${writer.log.name}: it ends before entry ${writer.nextEntry}, and the spool goes on with entry ${firstSpooled(spool)}: ` +
        `what lies between was archived and is gone from the log. Run "stele verify"`,
    );
  }
}

/** What a spool keeps of a manifest that committed one of its files. */
export function committedFile(commit: Commit): CommittedFile {
  return {
    manifest: commit.manifest.index,
    leaf: commit.leaf,
    checkpoint: fromUtf8(encodeCheckpoint(commit.checkpoint)),
  };
}

async function requireRemembered(store: Store, writer: LogWriter, spool: Spool): Promise<void> {
  const { remembered } = spool;
  if (remembered === null) return;
  const { head, log } = writer;
  if (head === null || head.manifest.index < remembered.manifest) {
    throw new SteleError(
      "log.unsound",
      `log ${log.name}: this spool saw manifest ${remembered.manifest} committed, and the log ends ` +
        `${head === null ? "before its first" : `with manifest ${head.manifest.index}`}: its tail was cut off. Run "stele verify"`,
    );
  }
  const { leaf } = await new History(store, log, head, writer.keys).commit(remembered.manifest);
  if (equalBytes(leaf, remembered.leaf)) return;
  throw new SteleError(
    "log.unsound",
    `log ${log.name}: manifest ${remembered.manifest} is not the one that this spool saw committed: there are two histories. Run "stele verify"`,
  );
}

/** The manifests with entries from `first` on, oldest first. Few: what was under way when a writer ended. */
async function segmentsSince(store: Store, writer: LogWriter, first: number): Promise<Commit[]> {
  const found: Commit[] = [];
  if (writer.head === null) return found;
  const history = new History(store, writer.log, writer.head, writer.keys);
  for (let index = writer.head.manifest.index; index >= 0; index--) {
    const commit = await history.commit(index);
    const { entries } = commit.manifest;
    if (entries.first + entries.count <= first) break;
    if (entries.count > 0) found.unshift(commit);
  }
  return found;
}

async function holds(spool: Spool, file: ClosedFile, { manifest }: Commit): Promise<boolean> {
  const { first, count, root } = manifest.entries;
  if (file.first !== first || file.count !== count) return false;
  const { buffer, length } = await spool.read(file);
  const raw = new Uint8Array(buffer, 0, length);
  return equalBytes(merkleRoot(entryLeaves(raw, entryEnds(raw))), fromBase64(root, "entries.root"));
}

function firstSpooled(spool: Spool): number {
  const first = spool.pending[0]?.first ?? spool.filling?.first;
  if (first === undefined) throw new RangeError("the spool is empty");
  return first;
}

function conflict(writer: LogWriter, spool: Spool, { manifest }: Commit): SteleError {
  return new SteleError(
    "log.fenced",
    `log ${writer.log.name}: another writer (${manifest.writer.id}) archived entries ${manifest.entries.first} to ` +
      `${manifest.entries.first + manifest.entries.count - 1} with manifest ${manifest.index} at ${manifest.sealed}, where this spool's ` +
      `${spool.entries} entries from ${firstSpooled(spool)} on were to stand. A log has one writer at a time. Nothing of the spool is ` +
      `lost: find out who writes there, then "stele spool drain --reindex" archives it behind them.`,
  );
}
