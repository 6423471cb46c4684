import type { LogIdentity } from "../../archive/archive.ts";
import type { Severity } from "../../archive/finding.ts";
import type { Timestamp } from "../../core/time.ts";
import { type Alarm, alarmId, type Anomaly } from "../../sweep/alarm.ts";

export type Detector =
  | "source.silent"
  | "rate.high"
  | "rate.low"
  | "clock.skew"
  | "duplicates"
  | "sequence.gap"
  | "sequence.repeat"
  | "sequence.reset";

/** Something begins, or is over. */
export interface Change {
  readonly kind: "begins" | "over";
  readonly detector: Detector;
  /** What tells this time from others: the same for its beginning and its end. */
  readonly episode: string;
  readonly expected: string;
  readonly actual: string;
  readonly entries: Anomaly["entries"];
}

const MEANS: Readonly<Record<Detector, { readonly title: string; readonly do: string }>> = {
  "source.silent": {
    title: "fell silent",
    do: "See whether it still runs, and whether what forwards its events does. Who hides something may begin by stopping the log.",
  },
  "rate.high": {
    title: "sends far more than usual",
    do: "See what most of the events are: an attack, a loop, or a flood to hide in.",
  },
  "rate.low": { title: "sends far less than usual", do: "See whether a part of it was stopped, or a filter put before it." },
  "clock.skew": {
    title: "has events whose time is far from their arrival",
    do: "See whether its clock is right, and whether events were held back or made up.",
  },
  duplicates: { title: "sends events again", do: "See whether something is forwarded twice, or played back." },
  "sequence.gap": {
    title: "left out numbers of its own sequence",
    do: "Find the missing events at the source: they were lost, or taken out.",
  },
  "sequence.repeat": {
    title: "used numbers of its own sequence again",
    do: "See whether events were forwarded twice, or two writers count.",
  },
  "sequence.reset": {
    title: "began its own sequence anew",
    do: "A restart does so. If there was none, see what took its place.",
  },
};

/** The alarm for a change in one source of a log. */
export function changeAlarm(
  scene: { readonly origin: string; readonly log: LogIdentity; readonly at: Timestamp; readonly severity: Severity },
  source: string,
  change: Change,
): Alarm {
  const { detector, episode, expected, actual, entries } = change;
  const { origin, log, at } = scene;
  const kind = change.kind === "begins" ? "stream.anomaly" : "stream.recovered";
  const subject = `${detector} ${log.origin} ${source}`;
  const { title, do: advice } = MEANS[detector];
  const name = JSON.stringify(source.length > 100 ? `${source.slice(0, 100).toWellFormed()}...` : source);
  const begins = change.kind === "begins";
  return {
    id: alarmId(kind, subject, episode),
    kind,
    severity: begins ? scene.severity : "info",
    at,
    origin,
    log: log.name,
    title: begins ? `${detector}: ${name} in ${log.name} ${title}` : `${detector}: ${name} in ${log.name} is as before`,
    message: [`Expected: ${expected}.`, `Actual: ${actual}.`, ...(begins ? [advice] : [])].join("\n"),
    subject,
    anomaly: { detector, source, expected, actual, entries },
  };
}

/** `1 min 5 s`, for messages. */
export function inWords(millis: number): string {
  const seconds = Math.round(millis / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}
