import { Webhook } from "standardwebhooks";
import { SteleError } from "../../core/error.ts";
import type { WebhookConfig } from "../config.ts";
import { cloudEvent, WEBHOOK_BYTES } from "../envelope/cloud-event.ts";
import { readSecret } from "../secret.ts";
import type { Destination } from "./destination.ts";
import { type HttpContext, send } from "./receiver.ts";

/**
 * A receiver of Standard Webhooks: a CloudEvents 1.0 envelope, signed anew for each attempt. The id is the alarm's, however often
 * it is sent.
 */
export function webhookDestination(config: WebhookConfig, context: HttpContext): Destination {
  const { name, secretFile, secretEnv } = config;
  return {
    name,
    deliver: (alarm, now, signal) =>
      send(
        config,
        null,
        async () => {
          const secrets = await readSecret({ file: secretFile, env: secretEnv }, `the secret of ${name}`, context);
          const body = cloudEvent(alarm, WEBHOOK_BYTES);
          return { headers: signedHeaders(alarm.id, now, body, secrets, name), body, secrets };
        },
        { refusals: [], now, signal },
        context,
      ),
  };
}

/**
 * The headers of Standard Webhooks 1.0: one signature for each secret, so that a receiver may know the new one or the old.
 * @throws SteleError `input.invalid` for a secret that is none
 */
export function signedHeaders(
  id: string,
  now: number,
  body: string,
  secrets: readonly string[],
  name: string,
): Record<string, string> {
  const at = new Date(now);
  return {
    "content-type": "application/cloudevents+json; charset=utf-8",
    "user-agent": "stele",
    "webhook-id": id,
    "webhook-timestamp": Math.floor(now / 1000).toString(),
    "webhook-signature": secrets.map((secret) => new Webhook(checkedSecret(secret, name)).sign(id, at, body)).join(" "),
  };
}

function checkedSecret(secret: string, name: string): string {
  const [, encoded = ""] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? [];
  const { length } = Buffer.from(encoded, "base64");
  if (length >= 24 && length <= 64 && encoded.length % 4 === 0) return secret;
  throw new SteleError(
    "input.invalid",
    `the secret of ${name}: expected lines of whsec_ and 24 to 64 bytes in base64, as in: echo "whsec_$(openssl rand -base64 32)"`,
  );
}
