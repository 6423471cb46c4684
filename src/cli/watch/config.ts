import { isIP } from "node:net";
import { z } from "zod";
import { isSteleError } from "../../core/error.ts";
import { parseDuration } from "../../sweep/duration.ts";
import { checkPattern, type Schedule } from "./schedule.ts";

/** Where the daemon answers probes. */
export interface ListenAddress {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** A switch of a service that raises the alarm when it is asked no more. Its URL is its secret, and may lie elsewhere. */
export interface PingConfig {
  readonly url?: string | undefined;
  /** A file that holds the URL. */
  readonly urlFile?: string | undefined;
  /** An environment variable that holds it. */
  readonly urlEnv?: string | undefined;
}

/** The section `watch` of a configuration, with what holds where it says nothing. */
export interface WatchConfig {
  readonly head: Schedule;
  readonly locks: Schedule;
  readonly content: Schedule;
  /** At most so many milliseconds are added to a turn. */
  readonly jitter: number;
  /** null: no probes and no metrics. */
  readonly listen: ListenAddress | null;
  /** Asked after each head round that found all sound, and where no round comes to an end, not any more. */
  readonly ping: PingConfig | null;
  /** How long reports of rounds that changed nothing may wait before they are archived together. */
  readonly recordEvery: number;
  /** How long a daemon that is to end waits for alarms to be delivered. */
  readonly drain: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const duration = (least: number, most: number): z.ZodType<number> =>
  z.string().transform((text, context) => {
    const millis = saying(context, () => parseDuration(text));
    if (millis < least || millis > most) {
      context.addIssue(`expected from ${least / SECOND}s to ${most / DAY}d, got ${text}`);
      return z.NEVER;
    }
    return millis;
  });

const schedule: z.ZodType<Schedule> = z
  .strictObject({
    every: duration(SECOND, 31 * DAY).optional(),
    cron: z
      .string()
      .transform((text, context) => saying(context, () => checkPattern(text, Date.now())))
      .optional(),
  })
  .transform(({ every, cron }, context): Schedule => {
    if (every !== undefined && cron === undefined) return { kind: "every", millis: every };
    if (cron !== undefined && every === undefined) return { kind: "cron", pattern: cron };
    context.addIssue('expected either every (such as 5m) or cron (such as "0 3 * * *", in UTC)');
    return z.NEVER;
  });

const listen: z.ZodType<ListenAddress | null> = z.string().transform((text, context) => {
  if (text === "off") return null;
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? "";
  const port = Number(digits);
  const known = bracketed === undefined ? /^[A-Za-z0-9.-]+$/.test(host) : isIP(host) === 6;
  if (known && port <= 65_535) return { host, port };
  context.addIssue(`expected an address and port such as 127.0.0.1:9464 or [::1]:9464, or off; got ${JSON.stringify(text)}`);
  return z.NEVER;
});

const ping: z.ZodType<PingConfig> = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/, error: "expected a URL with https:// (or http:// to a host in alarms.allowPrivate)" })
      .optional(),
    urlFile: z.string().min(1).optional(),
    urlEnv: z.string().min(1).optional(),
    /** There is one choice: a round that could not tell, or found something, is nothing that a switch should rest on. */
    onlyWhen: z.literal("sound").default("sound"),
  })
  .transform(({ url, urlFile, urlEnv }, context) => {
    const given = [url, urlFile, urlEnv].filter((one) => one !== undefined).length;
    if (given !== 1) context.addIssue(`expected one of url, urlFile and urlEnv, got ${given}`);
    return { url, urlFile, urlEnv };
  });

/** The section `watch` of stele.yaml. */
export const watchConfigSchema: z.ZodType<WatchConfig> = z.strictObject({
  head: schedule.default({ kind: "every", millis: MINUTE }),
  locks: schedule.default({ kind: "every", millis: DAY }),
  content: schedule.default({ kind: "every", millis: HOUR }),
  jitter: duration(0, DAY).default(10 * SECOND),
  listen: listen.default({ host: "127.0.0.1", port: 9464 }),
  ping: ping.nullable().default(null),
  recordEvery: duration(0, DAY).default(10 * MINUTE),
  drain: duration(0, HOUR).default(20 * SECOND),
});

/** Makes an issue of a SteleError. */
function saying<T>(context: z.RefinementCtx, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!isSteleError(error)) throw error;
    context.addIssue(error.message);
    return z.NEVER;
  }
}
