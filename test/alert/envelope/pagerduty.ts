import { z } from "zod";

const shared = { routing_key: z.string().min(1), dedup_key: z.string().min(1).max(255), client: z.literal("Stele") };

/** What PagerDuty's Events API v2 takes, with its limits. */
const pagerDutySchema = z.union([
  z.strictObject({ ...shared, event_action: z.enum(["acknowledge", "resolve"]) }),
  z.strictObject({
    ...shared,
    event_action: z.literal("trigger"),
    payload: z.strictObject({
      summary: z.string().min(1).max(1024),
      source: z.string().min(1),
      severity: z.enum(["critical", "error", "warning", "info"]),
      timestamp: z.iso.datetime(),
      component: z.string().min(1).optional(),
      class: z.string().min(1),
      custom_details: z.record(z.string(), z.string()),
    }),
  }),
]);

/** Reads an event; throws where it is none that PagerDuty takes. */
export function parseIncident(body: string): unknown {
  return pagerDutySchema.parse(JSON.parse(body));
}
