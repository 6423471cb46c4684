import type { Random } from "./random.ts";

/** A function that returns the values in proportion to their weights (positive integers). */
export function weighted<T>(random: Random, choices: ReadonlyArray<readonly [weight: number, value: T]>): () => T {
  const slots = choices.flatMap(([weight, value]) => Array.from({ length: weight }, () => value));
  return () => random.pick(slots);
}
