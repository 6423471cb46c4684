import { randomUUID } from "node:crypto";
import { chmod, rm, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { isSteleError } from "../../core/error.ts";
import type { Retention } from "../../core/retention.ts";
import { timestamp, toMillis } from "../../core/time.ts";
import type { ConformanceCheck, ConformanceReport } from "../conformance.ts";
import type { Store } from "../port.ts";
import { type DirectoryOptions, openDirectoryStore } from "./directory.ts";
import { errnoOf } from "./errno.ts";
import { LOCKS_FOLDER } from "./lock-record.ts";
import { openRoot, pathInside, type Root } from "./root.ts";
import { syncFolder } from "./write-once.ts";

const DAY_MS = 86_400_000;
const MAX_SKEW_MS = 60_000;
const LARGE = 4 << 20;
const WRITERS = 8;

const NOT_UNDELETABLE =
  "A folder is tamper-evident, not undeletable: its owner and root can remove or rewrite what is in it, and a verifier sees that only afterwards. Where nobody may be able to, archive to a bucket with Object Lock in COMPLIANCE mode.";

type Finding = Pick<ConformanceCheck, "observed" | "verdict">;

interface Question extends Pick<ConformanceCheck, "id" | "title" | "expected"> {
  readonly consequence: string;
  readonly ask: (probe: Probe) => Promise<Finding>;
}

interface Probe {
  readonly store: Store;
  readonly root: Root;
  /** The probes' own place, ending in `/`. */
  readonly place: string;
  readonly now: () => number;
}

/**
 * Finds out what a folder store really keeps to, on probe objects below `_doctor/`: by the store's own rules, and as an
 * owner who goes around them. The probes are removed again, which is a finding in itself.
 *
 * @throws SteleError `store.not-found` when there is no such folder. What can't be tried is `unknown` in the report.
 */
export async function doctorDirectory(path: string, options: DirectoryOptions = {}): Promise<ConformanceReport> {
  const now = options.now ?? Date.now;
  const store = await openDirectoryStore(path, options);
  const probe: Probe = { store, root: await openRoot(path), place: `_doctor/${randomUUID()}/`, now };
  const startedAt = timestamp(now());
  const checks: ConformanceCheck[] = [];
  for (const question of QUESTIONS) checks.push(await answer(question, probe));
  return { store: store.url, startedAt, leftBehind: await removeProbes(probe), checks };
}

async function answer({ ask, consequence, ...question }: Question, probe: Probe): Promise<ConformanceCheck> {
  let finding: Finding;
  try {
    finding = await ask(probe);
  } catch (error) {
    if (!isSteleError(error) && errnoOf(error) === null) throw error;
    finding = { verdict: "unknown", observed: `could not be tried: ${error instanceof Error ? error.message : String(error)}` };
  }
  return finding.verdict === "pass" ? { ...question, ...finding } : { ...question, ...finding, consequence };
}

const QUESTIONS: readonly Question[] = [
  {
    id: "put.if-absent",
    title: "A taken key is refused",
    expected: `of ${WRITERS} writers of one key at the same time exactly one succeeds, and its bytes stay`,
    consequence: "Two writers could both believe that they committed. Don't archive here.",
    ask: async ({ store, place }) => {
      const key = `${place}if-absent`;
      const bodies = Array.from({ length: WRITERS }, (_, i) => Buffer.from(`writer ${i}`));
      const results = await Promise.all(bodies.map((body) => store.putIfAbsent(key, body, { retention: null })));
      const winners = bodies.filter((_, i) => results[i]?.outcome === "created");
      const { body } = await store.get(key, { maxBytes: 100 });
      const holds = winners.length === 1 && winners[0]?.equals(body) === true;
      return verdict(holds, `${winners.length} of ${WRITERS} succeeded; the object is that of ${Buffer.from(body).toString()}`);
    },
  },
  {
    id: "put.whole",
    title: "An object appears whole or not at all",
    expected: "while an object is written, its key has nothing or all of its bytes",
    consequence: "A crash could leave half an object under its key. Don't archive here.",
    ask: async ({ store, place }) => {
      const key = `${place}whole`;
      const seen = new Set<number>();
      let done = false;
      const put = store.putIfAbsent(key, new Uint8Array(LARGE), { retention: null }).finally(() => {
        done = true;
      });
      // Awaited below; a failure before that must not count as unhandled.
      put.catch(() => undefined);
      while (!done) seen.add((await store.head(key))?.size ?? LARGE);
      await put;
      seen.add((await store.head(key))?.size ?? -1);
      seen.delete(LARGE);
      return verdict(
        seen.size === 0,
        seen.size === 0 ? "nothing else was seen" : `sizes of ${[...seen].join(", ")} bytes were seen`,
      );
    },
  },
  {
    id: "put.durable",
    title: "Objects and their names reach the disk",
    expected: "fsync of a file and of its folder succeeds",
    consequence: "A power cut could take back objects that were reported as archived.",
    ask: async ({ store, root, place }) => {
      await store.putIfAbsent(`${place}durable`, Buffer.from("durable"), { retention: null });
      await syncFolder(root, place.slice(0, -1));
      return verdict(true, "both succeeded (whether the disk keeps what it says it wrote can't be seen from here)");
    },
  },
  {
    id: "key.exact",
    title: "Keys that differ in case are different objects",
    expected: "an object Key and an object key exist side by side",
    consequence:
      "Logs whose names differ only in case would get in each other's way; the format's names are lower case, so a log on its own is safe.",
    ask: async ({ store, place }) => {
      await store.putIfAbsent(`${place}case-Key`, Buffer.from("upper"), { retention: null });
      const { outcome } = await store.putIfAbsent(`${place}case-key`, Buffer.from("lower"), { retention: null });
      return outcome === "created"
        ? verdict(true, "both were created")
        : { verdict: "quirk", observed: "the file system takes them for one" };
    },
  },
  {
    id: "version.list",
    title: "Versions and delete markers are listed",
    expected: "every version of a key that was ever written can be seen",
    consequence: "An object that its owner replaced shows only by its hash; what was there before can't be shown.",
    ask: async () => ({ verdict: "quirk", observed: "a folder keeps one version of a file" }),
  },
  {
    id: "lock.read-back",
    title: "A lock is read back as it was set",
    expected: "mode and end of the lock asked for",
    consequence: "Locks are not recorded here (a plain copy of an archive), and can't be verified.",
    ask: async (probe) => {
      const retention = inDays(probe, 1);
      const key = await lockedObject(probe, "read-back", retention);
      const state = await probe.store.lockState(key);
      const same = state.retention?.mode === retention.mode && state.retention.until === retention.until;
      return verdict(
        same && !state.legalHold,
        state.retention === null ? "no lock" : `${state.retention.mode} until ${state.retention.until}`,
      );
    },
  },
  {
    id: "lock.shorten",
    title: "A COMPLIANCE lock can't be shortened",
    expected: "refused",
    consequence: "Locks could be ended early through Stele itself.",
    ask: async (probe) => {
      const key = await lockedObject(probe, "shorten", inDays(probe, 2));
      return refusal(probe.store.extendRetention(key, inDays(probe, 1)));
    },
  },
  {
    id: "lock.downgrade",
    title: "COMPLIANCE can't become GOVERNANCE",
    expected: "refused",
    consequence: "Locks could be weakened through Stele itself.",
    ask: async (probe) => {
      const key = await lockedObject(probe, "downgrade", inDays(probe, 1));
      return refusal(probe.store.extendRetention(key, { ...inDays(probe, 2), mode: "GOVERNANCE" }));
    },
  },
  {
    id: "lock.extend",
    title: "A lock can be extended",
    expected: "accepted, and read back",
    consequence: "Retention could not be prolonged here.",
    ask: async (probe) => {
      const key = await lockedObject(probe, "extend", inDays(probe, 1));
      const later = inDays(probe, 2);
      await probe.store.extendRetention(key, later);
      const { retention } = await probe.store.lockState(key);
      return verdict(retention?.until === later.until, `asked for ${later.until}, found ${retention?.until ?? "none"}`);
    },
  },
  {
    id: "hold.set",
    title: "A legal hold can be put on and lifted",
    expected: "accepted, and read back",
    consequence: "Legal holds could not be kept here.",
    ask: async (probe) => {
      const key = await lockedObject(probe, "hold", inDays(probe, 1));
      await probe.store.setLegalHold(key, true);
      const on = (await probe.store.lockState(key)).legalHold;
      await probe.store.setLegalHold(key, false);
      const off = (await probe.store.lockState(key)).legalHold;
      return verdict(on && !off, `held: ${on}, then ${off}`);
    },
  },
  {
    id: "version.delete",
    title: "A locked object can't be deleted by its owner",
    expected: "refused",
    consequence: NOT_UNDELETABLE,
    ask: async (probe) => {
      const key = await lockedObject(probe, "delete", inDays(probe, 1));
      return bypass(unlink(pathInside(probe.root, key)));
    },
  },
  {
    id: "version.overwrite",
    title: "A locked object can't be rewritten by its owner",
    expected: "refused",
    consequence: NOT_UNDELETABLE,
    ask: async (probe) => {
      const path = pathInside(probe.root, await lockedObject(probe, "overwrite", inDays(probe, 1)));
      return bypass(chmod(path, 0o600).then(() => writeFile(path, "rewritten")));
    },
  },
  {
    id: "lock.delete",
    title: "A lock can't be removed by the folder's owner",
    expected: "refused",
    consequence: NOT_UNDELETABLE,
    ask: async (probe) => {
      const key = await lockedObject(probe, "unlock", inDays(probe, 1));
      return bypass(unlink(pathInside(probe.root, `${LOCKS_FOLDER}/${key}.json`)));
    },
  },
  {
    id: "clock.skew",
    title: "The file system's clock is this computer's",
    expected: `at most ${MAX_SKEW_MS / 1000} s apart`,
    consequence: "Times of files can't be compared with the times in the archive; locks end by this computer's clock.",
    ask: async ({ store, root, place, now }) => {
      const before = now();
      await store.putIfAbsent(`${place}clock`, Buffer.from("clock"), { retention: null });
      const { mtimeMs } = await stat(pathInside(root, `${place}clock`));
      const apartMs = Math.max(0, before - mtimeMs, mtimeMs - now());
      return { verdict: apartMs <= MAX_SKEW_MS ? "pass" : "quirk", observed: `${(apartMs / 1000).toFixed(1)} s apart` };
    },
  },
];

function verdict(holds: boolean, observed: string): Finding {
  return { verdict: holds ? "pass" : "fail", observed };
}

async function refusal(change: Promise<void>): Promise<Finding> {
  try {
    await change;
    return verdict(false, "it was accepted");
  } catch (error) {
    if (!isSteleError(error, "store.locked")) throw error;
    return verdict(true, "refused by this program");
  }
}

async function bypass(attack: Promise<void>): Promise<Finding> {
  try {
    await attack;
    return verdict(false, "it succeeded, past this program, with the rights of the present user");
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "EPERM" && errno !== "EACCES") throw error;
    return verdict(true, `refused by the operating system (${errno}) with the rights of the present user`);
  }
}

function inDays({ now }: Probe, days: number): Retention {
  return { mode: "COMPLIANCE", until: timestamp(Math.ceil((now() + days * DAY_MS) / 1000) * 1000) };
}

async function lockedObject({ store, place }: Probe, name: string, retention: Retention): Promise<string> {
  const key = `${place}${name}`;
  await store.putIfAbsent(key, Buffer.from(`probe, locked until ${toMillis(retention.until)}`), { retention });
  return key;
}

async function removeProbes({ store, root, place }: Probe): Promise<string[]> {
  for (const folder of [pathInside(root, place), pathInside(root, `${LOCKS_FOLDER}/${place}`)]) {
    await rm(folder, { recursive: true, force: true }).catch(ignoreRefusal);
    await rmdir(dirname(folder)).catch(ignoreRefusal);
  }
  const left: string[] = [];
  for await (const { key } of store.versions(place)) left.push(key);
  return left;
}

/** What stays is named in the report; the folder of all probes stays when others are in it. */
function ignoreRefusal(error: unknown): void {
  if (errnoOf(error) === null) throw error;
}
