import { clip, utf8 } from "../core/bytes.ts";
import { SteleError } from "../core/error.ts";
import { type Append, isProvenance, MAX_MANIFEST_BYTES } from "../core/manifest.ts";

/** Leaves room in a manifest for its other fields. */
const MAX_BYTES = MAX_MANIFEST_BYTES - 4096;

/** Who delivered a run of a segment's entries, and when; its place follows from its neighbours. */
export type NewAppend = Omit<Append, "first">;

/**
 * Gives runs their places, from entry `first` on, and checks that they fit into a manifest. That comes before anything is
 * put: a manifest that can't be written would leave a locked segment behind, at every try.
 *
 * @param count entries in the segment
 * @throws SteleError `input.invalid`
 */
export function placeAppends(appends: readonly NewAppend[], first: number, count: number): Append[] {
  let next = first;
  const runs = appends.map((append) => {
    const run = { ...append, first: next };
    next += append.count;
    return run;
  });
  if (next !== first + count) {
    throw new SteleError("input.invalid", `appends: expected them to cover the segment's ${count} entries, got ${next - first}`);
  }
  for (const { source, id } of runs) {
    if (isProvenance(source) && isProvenance(id ?? "")) continue;
    throw new SteleError(
      "input.invalid",
      `source or id of an append: expected at most 1024 characters of Unicode, got ${clip(source)}`,
    );
  }
  const bytes = utf8(JSON.stringify(runs)).length;
  if (bytes > MAX_BYTES) {
    throw new SteleError(
      "input.invalid",
      `appends: expected at most ${MAX_BYTES} bytes of provenance in one segment, got ${bytes}; seal earlier`,
    );
  }
  return runs;
}
