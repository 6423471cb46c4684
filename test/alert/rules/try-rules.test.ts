import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseRules } from "../../../src/alert/rules/rules-file.ts";
import { type TryReport, tryRules } from "../../../src/alert/rules/try-rules.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-try-"));
});
afterEach(() => rm(folder, { recursive: true }));

const rule = { name: "r", title: "t", description: "d", severity: "info", where: "event.hit == true" };
const tried = (...rules: object[]): Promise<TryReport> =>
  tryRules(parseRules(JSON.stringify({ rules: rules.map((one) => ({ ...rule, ...one })) }), join(folder, "rules.yaml")));
const why = async (one: object, more: object = {}): Promise<string | null | undefined> =>
  (await tried({ ...more, tests: [one] })).results[0]?.why;

test("a test passes when it is as it expects, and says why not", async () => {
  const hit = { hit: true };
  expect(await why({ event: hit, expect: "match" })).toBeNull();
  expect(await why({ event: JSON.stringify(hit), expect: "match" })).toBeNull();
  expect(await why({ event: {}, expect: "no match" })).toBeNull();
  expect(await why({ event: {}, expect: "match" })).toBe("expected a match, got none in the event");
  expect(await why({ events: [{}, {}], expect: "match" })).toBe("expected a match, got none in 2 events");
  expect(await why({ event: hit, expect: "no match" })).toBe("expected no match, got one");
});

test("a rule that fails fails its test, also where no match is expected", async () => {
  const failing = { where: 'event.a.startsWith("x")' };
  expect(await why({ event: { a: 1 }, expect: "no match" }, failing)).toContain("it failed: found no matching overload");
  expect(await why({ event: "no json", expect: "no match" })).toBe("an event of the test is no JSON object");
});

test("rules that count are tried on several events, with time between them", async () => {
  const counting = { count: { atLeast: 3, within: "10s" } };
  const event = { hit: true };
  expect(await why({ event, times: 3, expect: "match" }, counting)).toBeNull();
  expect(await why({ event, times: 2, expect: "match" }, counting)).toBe(
    "expected a match, got none in 2 events; 2 of the 3 that it asks for",
  );
  expect(await why({ event, times: 3, every: "5s", expect: "no match" }, counting)).toBeNull();
});

test("events of a file are tried in order; a file that is not there fails the test", async () => {
  await writeFile(join(folder, "events.ndjson"), '{"hit":false}\n{"hit":true}\n');
  expect(await why({ file: "events.ndjson", expect: "match" })).toBeNull();
  expect(await why({ file: "none.ndjson", expect: "no match" })).toContain("none.ndjson can't be read");
});

test("an event comes from the log, source and time that the test names", async () => {
  const where = 'log == "k8s/prod" && source == "one" && arrived < timestamp("2020-01-01T00:00:00Z")';
  const from = { event: {}, log: "k8s/prod", source: "one", arrived: "2019-06-01T00:00:00.000Z" };
  expect(await why({ ...from, expect: "match" }, { where })).toBeNull();
  expect(await why({ event: {}, expect: "no match" }, { where })).toBeNull();
  expect(await why({ event: { hit: true }, expect: "match" }, { logs: ["k8s/*"] })).toBeNull();
  expect(await why({ event: { hit: true }, log: "app", expect: "match" }, { logs: ["k8s/*"] })).toContain(
    "not asked about log app",
  );
});

test("says which rules no test has seen match", async () => {
  const { untested, neverMatched } = await tried(
    { name: "untested" },
    { name: "never", tests: [{ event: {}, expect: "no match" }] },
    { name: "fails", tests: [{ event: {}, expect: "match" }] },
    { name: "good", tests: [{ event: { hit: true }, expect: "match" }] },
  );
  expect({ untested, neverMatched }).toEqual({ untested: ["untested"], neverMatched: ["never", "fails"] });
});
