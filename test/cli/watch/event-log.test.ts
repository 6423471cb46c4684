import { expect, test } from "vitest";
import { eventLog, type LogFormat } from "../../../src/cli/watch/event-log.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");
function log(format: LogFormat, quiet = false): { lines: string[]; log: ReturnType<typeof eventLog> } {
  const lines: string[] = [];
  return { lines, log: eventLog(format, { write: (line) => lines.push(line), now: () => NOW, quiet }) };
}

test("one line an event, as JSON or for people", () => {
  const json = log("json");
  json.log.warn("round.ended", "not\nsound", { round: "head", requests: 3, object: null });
  expect(json.lines).toEqual([expect.stringMatching(/^\{.*\}\n$/)]);
  expect(JSON.parse(json.lines.join(""))).toEqual({
    time: "2026-11-23T12:00:00.000Z",
    level: "warn",
    event: "round.ended",
    message: "not\nsound",
    round: "head",
    requests: 3,
    object: null,
  });
  const plain = log("text");
  plain.log.error("round.failed", "first\nsecond\u001b[31m", { object: "a key", round: "head" });
  expect(plain.lines).toEqual([
    '2026-11-23T12:00:00.000Z error round.failed: first; second\\u{1b}[31m object="a key" round=head\n',
  ]);
});

test("quiet leaves out what is only for information", () => {
  const { lines, log: said } = log("text", true);
  said.info("a", "b");
  said.warn("c", "d");
  expect(lines).toHaveLength(1);
});

test("what an event says can't be taken for a line of its own", () => {
  const { lines, log: said } = log("text");
  said.info("finding.opened", "x", { object: "a\nb" });
  expect(lines.join("").split("\n")).toHaveLength(2);
});
