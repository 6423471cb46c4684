import { sha256 } from "#sha256";
import { utf8 } from "../core/bytes.ts";
import { SteleError } from "../core/error.ts";
import { BLOCK_MANIFESTS } from "./place.ts";

/** The `i`-th of `n` sweeps that divide an archive between them, from 1. They need not know of each other. */
export interface Shard {
  readonly i: number;
  readonly n: number;
}

/** The one that does it all. */
export const WHOLE: Shard = { i: 1, n: 1 };

const MAX_SHARDS = 10_000;

/** Reads `2/5`. @throws SteleError `input.invalid` */
export function parseShard(text: string): Shard {
  const match = /^([1-9]\d{0,4})\/([1-9]\d{0,4})$/.exec(text);
  const shard = { i: Number(match?.[1]), n: Number(match?.[2]) };
  if (shard.i <= shard.n && shard.n <= MAX_SHARDS) return shard;
  throw new SteleError(
    "input.invalid",
    `shard: expected i/n with i from 1 to n and n at most ${MAX_SHARDS}, such as 2/5, got ${JSON.stringify(text.slice(0, 64))}`,
  );
}

/** The spelling that {@link parseShard} reads. */
export function formatShard({ i, n }: Shard): string {
  return `${i}/${n}`;
}

/** Whether a block of manifests is this shard's. */
export function ownsBlock({ i, n }: Shard, block: number): boolean {
  return block % n === i - 1;
}

/** Whether what can't be divided of a log is this shard's: its head. Spread by name, so that many logs burden all shards alike. */
export function ownsLog({ i, n }: Shard, log: string): boolean {
  const [a = 0, b = 0, c = 0] = sha256(utf8(log));
  return (a * 65_536 + b * 256 + c) % n === i - 1;
}

/** Whether what the archive has only once is this shard's: its description, and what belongs to no log. */
export function ownsArchive({ i }: Shard): boolean {
  return i === 1;
}

/** The first block at or behind `block` that is this shard's. */
export function nextOwned({ i, n }: Shard, block: number): number {
  return block + ((((i - 1 - block) % n) + n) % n);
}

/** Blocks of a log of so many manifests. Even an empty one has its first: something may lie where it begins. */
export function blocksOf(manifests: number): number {
  return Math.max(1, Math.ceil(manifests / BLOCK_MANIFESTS));
}
