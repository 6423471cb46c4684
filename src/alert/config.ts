import { z } from "zod";
import type { Severity } from "../archive/finding.ts";
import { SteleError } from "../core/error.ts";
import type { AlarmKind } from "../sweep/alarm.ts";
import { parseDuration } from "../sweep/duration.ts";
import { isAddressRule } from "./destination/address.ts";
import { LOG_PATTERN } from "./rules/log-pattern.ts";

/** Which alarms a destination gets. */
export interface DestinationFilter {
  readonly name: string;
  /** Less severe alarms are not sent. Default: info, which is all. */
  readonly minSeverity?: Severity | undefined;
  /** Kinds such as `finding.opened`, or `finding.*`. Default: all. */
  readonly kinds?: readonly string[] | undefined;
  /** Patterns of log names: `*` within a part, `**` over parts. Default: all logs. */
  readonly logs?: readonly string[] | undefined;
  /** How long one attempt may take, in milliseconds. */
  readonly timeout?: number | undefined;
}

/** Where a secret is read from whenever it is needed: never the configuration itself. */
export interface SecretSource {
  readonly file?: string | undefined;
  readonly env?: string | undefined;
}

interface HttpDestination extends DestinationFilter {
  readonly url?: string | undefined;
  readonly urlFile?: string | undefined;
  readonly urlEnv?: string | undefined;
}

interface Secretive {
  readonly secretFile?: string | undefined;
  readonly secretEnv?: string | undefined;
}

export type WebhookConfig = HttpDestination & Secretive & { readonly type: "webhook" };
export type SlackConfig = HttpDestination & { readonly type: "slack" };
export type PagerDutyConfig = HttpDestination & Secretive & { readonly type: "pagerduty" };
export type SnsConfig = DestinationFilter & {
  readonly type: "sns";
  readonly topicArn: string;
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
};
export type EventBridgeConfig = DestinationFilter & {
  readonly type: "eventbridge";
  readonly bus: string;
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
};
export type CommandConfig = DestinationFilter & { readonly type: "command"; readonly command: readonly string[] };
export type TextfileConfig = DestinationFilter & { readonly type: "textfile"; readonly path: string };

export type DestinationConfig =
  | WebhookConfig
  | SlackConfig
  | PagerDutyConfig
  | SnsConfig
  | EventBridgeConfig
  | CommandConfig
  | TextfileConfig;

/** The section `alarms` of the configuration. Times are in milliseconds. */
export interface AlarmsConfig {
  readonly destinations: readonly DestinationConfig[];
  readonly retry: { readonly for: number };
  /** How long one attempt may take. */
  readonly timeout: number;
  /** CIDRs, addresses and host names that alarms may be sent to although they are private. */
  readonly allowPrivate: readonly string[];
}

/** All kinds of alarms: what `kinds` may name. The type asks for every one. */
const KINDS: Readonly<Record<AlarmKind, true>> = {
  "finding.opened": true,
  "finding.reminder": true,
  "finding.cleared": true,
  "finding.acknowledged": true,
  "findings.many": true,
  "event.matched": true,
  "stream.anomaly": true,
  "stream.recovered": true,
  "sweep.overdue": true,
  "sweep.recovered": true,
  test: true,
};

const SECOND = 1000;
const DAY = 86_400_000;

function span(least: number, most: number): z.ZodType<number, string> {
  return z.string().transform((text, context) => {
    try {
      const millis = parseDuration(text);
      if (millis >= least && millis <= most) return millis;
      context.addIssue({ code: "custom", message: `expected a time from ${least / SECOND}s to ${most / SECOND}s, got ${text}` });
    } catch (error) {
      if (!(error instanceof SteleError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
    }
    return z.NEVER;
  });
}

/** A key that must not be there, with the reason: the message for an unknown key would not say it. */
function refused(message: string): z.ZodType<undefined> {
  return z.undefined({ error: message });
}

const INLINE =
  "a secret does not stand in the configuration, where everybody who reads it would have it; " +
  "put it into a file of mode 0600 and name that as secretFile, or into an environment variable and name that as secretEnv";

const text = z.string().min(1);
const url = z
  .string()
  .refine(isPlainUrl, "expected a URL with https:// (or http:// to a host in allowPrivate) and no user name or password in it");
const filter = {
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, "expected 1 to 64 of a-z, 0-9, '.', '_' and '-'"),
  minSeverity: z.enum(["critical", "warning", "info"]).optional(),
  kinds: z
    .array(
      z
        .string()
        .refine(isKindPattern, `expected a kind of alarm (${Object.keys(KINDS).join(", ")}) or a group such as finding.*`),
    )
    .min(1)
    .optional(),
  logs: z.array(z.string().regex(LOG_PATTERN, "expected the name of a log, with * and ** for parts of it")).min(1).optional(),
  timeout: span(SECOND, 600 * SECOND).optional(),
};
const from = { url: url.optional(), urlFile: text.optional(), urlEnv: text.optional() };
const secrets = {
  secretFile: text.optional(),
  secretEnv: text.optional(),
  secret: refused(INLINE).optional(),
};
const aws = { region: text.optional(), endpoint: z.url({ protocol: /^https?$/ }).optional() };

const destination = z
  .discriminatedUnion("type", [
    z.strictObject({ ...filter, type: z.literal("webhook"), ...from, ...secrets }),
    z.strictObject({
      ...filter,
      type: z.literal("slack"),
      url: refused(
        "the URL of an incoming webhook is its secret: whoever has it can post; put it into a file of mode 0600 and name that as urlFile, or into an environment variable and name that as urlEnv",
      ).optional(),
      urlFile: text.optional(),
      urlEnv: text.optional(),
    }),
    z.strictObject({ ...filter, type: z.literal("pagerduty"), ...from, ...secrets, routingKey: refused(INLINE).optional() }),
    z.strictObject({
      ...filter,
      type: z.literal("sns"),
      topicArn: z.string().regex(/^arn:[a-z0-9-]+:sns:[a-z0-9-]+:\d+:[\w.-]+$/, "expected arn:aws:sns:REGION:ACCOUNT:TOPIC"),
      ...aws,
    }),
    z.strictObject({ ...filter, type: z.literal("eventbridge"), bus: text, ...aws }),
    z.strictObject({
      ...filter,
      type: z.literal("command"),
      command: z
        .array(z.string().refine((word) => !word.includes("\0"), "expected no NUL"))
        .min(1)
        .refine(
          ([program]) => program?.includes("/") === true,
          "expected the program as a path with a slash: it is run without a shell and without PATH",
        ),
    }),
    z.strictObject({
      ...filter,
      type: z.literal("textfile"),
      path: z.string().endsWith(".prom", "expected a file that ends with .prom: node_exporter reads no other"),
    }),
  ])
  .superRefine((value, context) => {
    const one = (names: readonly string[], given: readonly (string | undefined)[], least: 0 | 1): void => {
      const count = given.filter((entry) => entry !== undefined).length;
      if (count >= least && count <= 1) return;
      context.addIssue({ code: "custom", message: `expected one of ${names.join(", ")}, got ${count}` });
    };
    if (value.type === "webhook") one(["url", "urlFile", "urlEnv"], [value.url, value.urlFile, value.urlEnv], 1);
    if (value.type === "slack") one(["urlFile", "urlEnv"], [value.urlFile, value.urlEnv], 1);
    if (value.type === "pagerduty") one(["url", "urlFile", "urlEnv"], [value.url, value.urlFile, value.urlEnv], 0);
    if (value.type === "webhook" || value.type === "pagerduty")
      one(["secretFile", "secretEnv"], [value.secretFile, value.secretEnv], 1);
  });

/** Reads the section `alarms`: where alarms are sent, and for how long it is tried. */
export const alarmsConfigSchema: z.ZodType<AlarmsConfig> = z.strictObject({
  destinations: z
    .array(destination)
    .default([])
    .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, "expected destinations with different names"),
  retry: z.strictObject({ for: span(60 * SECOND, 7 * DAY).default(DAY) }).default({ for: DAY }),
  timeout: span(SECOND, 600 * SECOND).default(15 * SECOND),
  allowPrivate: z
    .array(z.string().refine(isAddressRule, "expected a CIDR such as 10.0.0.0/8, an address or a host name"))
    .default([]),
});

function isKindPattern(pattern: string): boolean {
  const kinds = Object.keys(KINDS);
  return pattern.endsWith(".*") ? kinds.some((kind) => kind.startsWith(pattern.slice(0, -1))) : kinds.includes(pattern);
}

function isPlainUrl(value: string): boolean {
  const parsed = URL.parse(value);
  return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === "" && parsed.password === "";
}
