import { type Finding, finding } from "../../archive/finding.ts";
import { listArchive } from "../../archive/listing.ts";
import { checkDescription } from "../../archive/verify/check-description.ts";
import { strayOfNoLog } from "../../archive/verify/stray.ts";
import { isSteleError } from "../../core/error.ts";
import { ARCHIVE_DESCRIPTION_KEY } from "../../core/layout.ts";
import type { VerifierKey } from "../../core/key.ts";
import { ARCHIVE_PLACE, type RoundName } from "../place.ts";
import { ownsArchive } from "../shard.ts";
import type { RoundContext } from "./context.ts";

/** What a look at an archive from above gives. */
export interface ArchiveView {
  /** Logs that have objects, are remembered, or were asked for, by name. */
  readonly logs: readonly string[];
  readonly strays: readonly Finding[];
  /** Why the listing broke off; null where it did not. */
  readonly unreadable: Finding | null;
}

/**
 * Lists the archive's logs, in a few requests a log, and what belongs to none. A listing that breaks off hides no log that is
 * remembered.
 * @throws the signal's reason
 */
export async function viewArchive(context: RoundContext, asked: readonly string[] | undefined): Promise<ArchiveView> {
  const { store, signal, state, checkpoints, archive } = context;
  const listed = new Set<string>();
  const strays: Finding[] = [];
  let unreadable: Finding | null = null;
  try {
    for (const prefix of asked === undefined ? [""] : asked.map((name) => `${name}/`)) {
      for await (const item of listArchive(store, prefix, signal)) {
        if (item.kind === "log") listed.add(item.name);
        else if (item.version.key !== ARCHIVE_DESCRIPTION_KEY) strays.push(strayOfNoLog(item.version));
      }
    }
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
    unreadable = finding("log.unreadable", "", `the archive can't be listed: ${error.message}`);
  }
  if (asked !== undefined) return { logs: asked, strays, unreadable };
  for (const { name } of state.logs()) listed.add(name);
  // Whatever is open is looked at again, also of a log that has no objects.
  for (const { log } of state.ledger.open()) if (log !== "") listed.add(log);
  const prefix = `${archive.origin}/`;
  for (const { origin } of checkpoints) if (origin.startsWith(prefix)) listed.add(origin.slice(prefix.length));
  return { logs: [...listed].sort(), strays, unreadable };
}

/**
 * What a round sees of the archive as a whole: its description, that it holds logs at all, and what belongs to none of them.
 * @param all whether all logs are swept, so that none may be missed
 * @returns whether all of it could be read
 */
export async function sweepArchive(context: RoundContext, round: RoundName, view: ArchiveView, all: boolean): Promise<boolean> {
  const { archive, state, allowEmpty, onFinding } = context;
  if (!ownsArchive(context.shard)) return true;
  const { findings, readable } = await describe(context, round, {
    key: ARCHIVE_DESCRIPTION_KEY,
    kind: "archive",
    keys: archive.keyPinned ? ownKeys(context) : null,
    log: "",
    origin: archive.origin,
  });
  if (view.unreadable !== null) findings.push(view.unreadable);
  if (round === "locks") findings.push(...view.strays);
  if (round === "head") findings.push(...foreignCheckpoints(context));
  // A listing that leaves out the description may leave out logs as well.
  if (all && view.logs.length === 0 && view.unreadable === null && readable && !allowEmpty) {
    findings.push(finding("log.missing", "", "the archive holds no log at all: an empty place is not a sound archive"));
  }
  findings.forEach(onFinding);
  // Of an archive of which only some logs were listed, what belongs to none is not known.
  state.settle(round, ARCHIVE_PLACE, findings, readable && view.unreadable === null && all);
  return readable && view.unreadable === null;
}

/** A description that is to be checked. */
export interface Described {
  readonly key: string;
  readonly kind: "archive" | "log";
  readonly keys: readonly VerifierKey[] | null;
  readonly log: string;
  readonly origin: string;
}

/** Checks a description. What can't be read is a finding, too. @throws the signal's reason */
export async function describe(
  { store, signal, now }: RoundContext,
  round: RoundName,
  described: Described,
): Promise<{ findings: Finding[]; readable: boolean }> {
  try {
    const { findings } = await checkDescription(store, { ...described, locks: round === "locks", now: now(), signal });
    return { findings, readable: !findings.some(({ code }) => code.endsWith(".unreadable")) };
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
    const unreadable = finding("description.unreadable", described.log, error.message, { object: described.key });
    return { findings: [unreadable], readable: false };
  }
}

/** An archive's description is signed under its own name: keys that it names for single logs are none to believe it by. */
function ownKeys({ archive }: RoundContext): VerifierKey[] {
  return archive.keys.filter(({ name }) => name === archive.origin);
}

/** A checkpoint that can be of no log of this archive was made of something else: another archive was put in its place. */
function foreignCheckpoints({ archive, checkpoints }: RoundContext): Finding[] {
  return checkpoints
    .filter(({ origin }) => !origin.startsWith(`${archive.origin}/`))
    .map(({ origin }) =>
      finding(
        "log.missing",
        "",
        `a checkpoint of ${origin} was seen before, which is no log of this archive, ${archive.origin}`,
        {
          expected: origin,
          actual: archive.origin,
        },
      ),
    );
}
