import { inspect } from "node:util";
import { timestamp } from "../../core/time.ts";
import { printable } from "../words.ts";

export type LogFormat = "json" | "text";
export const LOG_FORMATS: readonly LogFormat[] = ["json", "text"];

type Field = string | number | boolean | null | readonly string[];
type Level = "info" | "warn" | "error";

/** What the daemon says while it runs: one line an event, on standard error. */
export interface EventLog {
  /** @param event a stable name, such as `round.ended` */
  info(event: string, message: string, fields?: Readonly<Record<string, Field>>): void;
  warn(event: string, message: string, fields?: Readonly<Record<string, Field>>): void;
  error(event: string, message: string, fields?: Readonly<Record<string, Field>>): void;
}

/** @param quiet leaves out what is only for information */
export function eventLog(
  format: LogFormat,
  options: { readonly write: (line: string) => void; readonly now: () => number; readonly quiet?: boolean },
): EventLog {
  const say = (level: Level, event: string, message: string, fields: Readonly<Record<string, Field>> = {}): void => {
    if (level === "info" && options.quiet === true) return;
    const time = timestamp(options.now());
    if (format === "json") {
      options.write(`${JSON.stringify({ time, level, event, message, ...fields })}\n`);
      return;
    }
    const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${asText(value)}`);
    options.write(`${time} ${level} ${event}: ${printable(message.replaceAll("\n", "; "))}${rest.join("")}\n`);
  };
  return {
    info: (event, message, fields) => say("info", event, message, fields),
    warn: (event, message, fields) => say("warn", event, message, fields),
    error: (event, message, fields) => say("error", event, message, fields),
  };
}

/** Why something failed, in one line. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : inspect(error);
}

function asText(value: Field): string {
  return typeof value === "string" && /^[\w.:/+-]+$/.test(value) ? value : JSON.stringify(value);
}
