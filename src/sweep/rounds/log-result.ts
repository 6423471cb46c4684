import type { RoundLogResult } from "../result.ts";
import type { Pass } from "../state/passes.ts";
import type { PassProgress } from "../report.ts";
import type { RoundContext } from "./context.ts";

/**
 * What a round did in a log.
 * @param why not everything was looked at; null where it was
 */
export function logResult(
  { state }: Pick<RoundContext, "state">,
  log: string,
  why: string | null,
  done: Partial<Pick<RoundLogResult, "blocks" | "manifests" | "entries" | "bytes" | "checked" | "pass">> = {},
): RoundLogResult {
  const nothing = { blocks: null, manifests: null, entries: 0, bytes: 0, checked: 0, pass: null };
  return { log, ...nothing, ...done, head: state.log(log), complete: why === null, why };
}

/** Where a pass stands that is not through. */
export function underWay(pass: Pass | null): PassProgress | null {
  return pass === null ? null : { started: pass.startedAt, finished: null, nextBlock: pass.nextBlock };
}
