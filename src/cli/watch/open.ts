import type { Archive } from "../../archive/archive.ts";
import { isSteleError } from "../../core/error.ts";
import { openForSweep } from "../../sweep/open-for-sweep.ts";
import { openStoreWith } from "../settings.ts";
import type { Clock } from "./clock.ts";
import type { EventLog } from "./event-log.ts";
import type { Setup } from "./setup.ts";

const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 60_000;

/**
 * Opens the archive; while it can't be reached, again and again.
 * @returns null when it was stopped before
 * @throws SteleError what does not go away by waiting: `store.not-found`, `store.denied`, `log.key`, `proof.signature`
 */
export async function openWhenReached(
  location: string,
  { settings }: Setup,
  { clock, log, stop }: { readonly clock: Clock; readonly log: EventLog; readonly stop: AbortSignal },
): Promise<Archive | null> {
  const store = await openStoreWith(location, settings);
  for (let wait = FIRST_WAIT_MS; !stop.aborted; wait = Math.min(2 * wait, MAX_WAIT_MS)) {
    try {
      return await openForSweep(store, settings.pinned);
    } catch (error) {
      if (!isSteleError(error, "store.unreachable")) throw error;
      log.warn("archive.not-reached", `${error.message}; tried again in ${wait / 1000} s`);
      await clock.wait(wait, stop);
    }
  }
  return null;
}
