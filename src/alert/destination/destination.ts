import type { Alarm } from "../../sweep/alarm.ts";

/** What came of one attempt. */
export type Outcome =
  | { readonly kind: "delivered" }
  /** It may be taken later. */
  | {
      readonly kind: "failed";
      readonly why: string;
      /** Not before so many milliseconds, for anything: the receiver said so. */
      readonly after: number | null;
    }
  /** This alarm will never be taken, others may be. */
  | { readonly kind: "refused"; readonly why: string }
  /** The receiver wants no more of them. */
  | { readonly kind: "gone"; readonly why: string };

/** Somewhere alarms go: an HTTP receiver, a service of AWS, a command, a file. */
export interface Destination {
  readonly name: string;
  /**
   * Hands one alarm over, once. Whatever goes wrong is an outcome, and says no secret.
   * @param now milliseconds since 1970
   * @throws the signal's reason, and nothing else, when that aborts
   */
  deliver(alarm: Alarm, now: number, signal: AbortSignal): Promise<Outcome>;
}

export const DELIVERED: Outcome = { kind: "delivered" };

export function failed(why: string, after: number | null = null): Outcome {
  return { kind: "failed", why, after };
}
