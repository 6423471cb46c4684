import type { Alarm } from "../../sweep/alarm.ts";
import { safeJson, shorten, visible } from "../text.ts";
import { type Change, changeOf, detailsOf, proveCommand, type Urgency, urgencyOf } from "./details.ts";

/** Slack's limits, in characters as sent. */
const HEADER = 150;
const SECTION = 3000;
const FIELD = 2000;
const FIELDS = 10;
const FALLBACK = 3500;

const MARKS: Readonly<Record<Urgency, string>> = {
  critical: "CRITICAL",
  unknown: "COULD NOT TELL",
  warning: "WARNING",
  info: "INFO",
};
const CHANGES: Readonly<Record<Change, string | null>> = {
  open: null,
  remind: "STILL OPEN",
  acknowledge: "ACKNOWLEDGED",
  close: "CLEARED",
};

/**
 * A message for an incoming webhook of Slack: blocks, and the same in `text` for what shows no blocks. Nothing that an event or
 * an object's name holds is read as a mention, a link or a format.
 */
export function slackMessage(alarm: Alarm): string {
  const { title, message, origin, id, at, event, log } = alarm;
  const headline = `${CHANGES[changeOf(alarm)] ?? MARKS[urgencyOf(alarm)]}: ${title}`;
  const fields = detailsOf(alarm).slice(0, FIELDS);
  const blocks = [
    { type: "header", text: plain(headline, HEADER) },
    { type: "section", text: plain(message === "" ? title : message, SECTION) },
    ...(fields.length === 0
      ? []
      : [{ type: "section", fields: fields.map(([name, value]) => plain(`${name}: ${value}`, FIELD)) }]),
    ...(event === undefined
      ? []
      : [
          { type: "section", text: plain(event.text, SECTION) },
          { type: "context", elements: [plain(`Proof: ${proveCommand(log, event.index)}`, FIELD)] },
        ]),
    { type: "context", elements: [plain(`${origin}, ${at}, alarm ${id}`, FIELD)] },
  ];
  const lines = [
    headline,
    message,
    ...fields.map(([name, value]) => `${name}: ${shorten(value, 200)}`),
    `${origin}, ${at}, alarm ${id}`,
  ];
  return safeJson({ text: escaped(lines.join("\n"), FALLBACK), blocks, unfurl_links: false, unfurl_media: false });
}

function plain(text: string, most: number): { readonly type: "plain_text"; readonly text: string; readonly emoji: false } {
  return { type: "plain_text", text: escaped(text, most) || "-", emoji: false };
}

/** Slack's control characters as entities, none cut in two; and no name after an at sign, which others than Slack look for. */
function escaped(text: string, most: number): string {
  const lines = text.split("\n").map((line) =>
    visible(line)
      .replace(/(?<!\w)@(?=\S)/g, "@ ")
      .replaceAll("](", "] ("),
  );
  let out = "";
  for (const c of shorten(lines.join("\n"), most)) {
    const next = { "&": "&amp;", "<": "&lt;", ">": "&gt;" }[c] ?? c;
    if (out.length + next.length > most) break;
    out += next;
  }
  return out;
}
