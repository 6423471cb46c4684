import { logOrigin } from "../../core/layout.ts";
import type { RoundName } from "../place.ts";
import { SWEEPS_LOG } from "../report.ts";
import type { RoundContext } from "./context.ts";

/**
 * What a round can't see here: said, and never counted as passed.
 * @param first logs that no sweep has seen before this one
 * @param all whether all logs were swept
 */
export function notObservable(
  { store, archive, checkpoints, state }: RoundContext,
  round: RoundName,
  { first, all }: { readonly first: readonly string[]; readonly all: boolean },
): string[] {
  const { capabilities } = store;
  const list: string[] = [];
  if (round === "locks") {
    if (!capabilities.versions) list.push("older versions and delete markers: this store keeps one version of an object");
    if (capabilities.locks === "none") list.push("locks: this is a plain copy of an archive, and shows none");
    if (capabilities.locks === "recorded") list.push("lock enforcement: a folder records locks, but its owner can still delete");
  }
  if (round !== "head") return list;
  const given = new Set(checkpoints.map(({ origin }) => origin));
  const unguarded = first.filter((name) => !given.has(logOrigin(archive.origin, name)));
  if (unguarded.length > 0) {
    const logs = unguarded.join(", ");
    list.push(
      `a tail that was cut off before this sweep: it is the first to see these logs, and a shorter log looks like a younger one (${logs})`,
    );
  }
  if (state.takenOver !== null) {
    list.push(
      state.takenOver === "owed"
        ? `what earlier sweeps saw: the archive's log ${SWEEPS_LOG} says it, and can't be understood`
        : `a tail that was cut off from a log and from ${SWEEPS_LOG} alike: what earlier sweeps saw was read from the archive itself`,
    );
  }
  if (all && state.logs().every(({ name }) => first.includes(name))) {
    list.push("a log of which nothing was left before this sweep, which is the first to see this archive");
  }
  return list;
}
