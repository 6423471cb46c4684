import { isSteleError, SteleError } from "../../core/error.ts";
import { visible } from "../text.ts";
import { failed, type Outcome } from "./destination.ts";

export interface AwsContext {
  /** Milliseconds. */
  readonly timeout: number;
}

/**
 * Loads a package of AWS that only those need who send there.
 * @throws SteleError `input.invalid` when it is not installed
 */
export async function loadPeer<T>(name: string, type: string, packageName: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (!(cause instanceof Error) || !("code" in cause) || cause.code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new SteleError(
      "input.invalid",
      `destination ${name}: type ${type} needs the package ${packageName}, which is not installed; npm install ${packageName}`,
      { cause },
    );
  }
}

/** Hands something to AWS; what goes wrong there may go well later. */
export async function attempt(
  send: (signal: AbortSignal) => Promise<Outcome>,
  timeout: number,
  signal: AbortSignal,
): Promise<Outcome> {
  const ended = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
  try {
    return await send(ended);
  } catch (error) {
    signal.throwIfAborted();
    if (ended.aborted) return failed(`no answer within ${timeout / 1000} s`);
    if (isSteleError(error)) return failed(error.message);
    if (!(error instanceof Error)) throw error;
    return failed(visible(`${error.name}: ${error.message}`));
  }
}
