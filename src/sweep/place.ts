/** The rounds of a sweep: each looks at an archive in its own way, at its own interval. */
export type RoundName = "head" | "locks" | "content";

export const ROUNDS: readonly RoundName[] = ["head", "locks", "content"];

/** Manifests of a block: what one tile of the manifest tree covers, and what a shard is made of. */
export const BLOCK_MANIFESTS = 256;

/** Where something was looked at: a block of a log, a log as a whole (block null), or the archive itself (log ""). */
export interface Place {
  readonly log: string;
  readonly block: number | null;
}

/** The archive itself: its description, and what belongs to no log. */
export const ARCHIVE_PLACE: Place = { log: "", block: null };

/** The block that manifest `index` lies in. */
export function blockOf(index: number): number {
  return Math.floor(index / BLOCK_MANIFESTS);
}
