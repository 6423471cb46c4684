import { addressCheck } from "../../alert/destination/address.ts";
import { resolveBySystem } from "../../alert/destination/guarded-request.ts";
import { send } from "../../alert/destination/receiver.ts";
import type { Surroundings } from "../../alert/secret.ts";
import type { PingConfig } from "./config.ts";

const TIMEOUT_MS = 10_000;

/**
 * Says to a service that watches over the watcher that all was sound just now. Where it hears nothing for long, it raises the
 * alarm by itself: also when this machine is gone.
 * @returns why it could not be said, without any secret; null when it was
 */
export async function ping(
  place: PingConfig,
  options: Surroundings & { readonly allowPrivate: readonly string[]; readonly now: number; readonly signal: AbortSignal },
): Promise<string | null> {
  const { folder, env, allowPrivate, now, signal } = options;
  const outcome = await send(
    { name: "watch.ping", ...place },
    null,
    async () => ({ headers: { "content-type": "text/plain", "user-agent": "stele" }, body: "", secrets: [] }),
    { refusals: [], now, signal },
    { folder, env, timeout: TIMEOUT_MS, resolve: resolveBySystem, check: addressCheck(allowPrivate) },
  );
  return outcome.kind === "delivered" ? null : outcome.why;
}
