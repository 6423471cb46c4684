import { ROUNDS, type RoundName } from "./place.ts";
import { formatShard, ownsLog, parseShard } from "./shard.ts";
import type { SweepJson } from "./sweep-json.ts";

/** What the shards that were given leave out between them. */
export interface Uncovered {
  readonly round: RoundName;
  readonly log: string;
  readonly shard: string;
}

/**
 * Of each round that any of the shards was asked for, the logs that a shard did not look at though it has a part of them: it was
 * asked for other rounds or logs, or the log was not there yet.
 */
export function uncovered(parts: readonly SweepJson[]): Uncovered[] {
  const rounds = ROUNDS.filter((round) => parts.some((part) => part.rounds.some((one) => one.round === round)));
  const logs = new Set(parts.flatMap((part) => [...part.logs, ...part.rounds.flatMap((one) => one.logs)]).map(({ log }) => log));
  return rounds.flatMap((round) =>
    parts.flatMap((part) => {
      const covered = new Set(part.rounds.filter((one) => one.round === round).flatMap((one) => one.logs.map(({ log }) => log)));
      const left = [...logs].filter((log) => !covered.has(log)).sort();
      return part.shard
        .split(",")
        .map(parseShard)
        .flatMap((shard) =>
          left.filter((log) => round !== "head" || ownsLog(shard, log)).map((log) => ({ round, log, shard: formatShard(shard) })),
        );
    }),
  );
}

/** One line for people. */
export function describeUncovered({ round, log, shard }: Uncovered): string {
  return `the ${round} round over log ${log} by shard ${shard}: not in its result`;
}
