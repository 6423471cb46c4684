import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Timestamp, isTimestamp, parseTimestamp, timestamp, toMillis } from "../../core/time.ts";
import { matchesLog } from "./log-pattern.ts";
import { RuleMemory } from "./memory.ts";
import type { RuleTest } from "./rule.ts";
import { RuleSet } from "./rule-set.ts";
import type { Rule } from "./rules-file.ts";

/** What one test of a rule came to. */
export interface TestResult {
  readonly rule: string;
  readonly file: string;
  /** Its name, or its number. */
  readonly test: string;
  readonly passed: boolean;
  /** Why not; null where it passed. */
  readonly why: string | null;
}

export interface TryReport {
  readonly results: readonly TestResult[];
  /** Rules without any test. */
  readonly untested: readonly string[];
  /** Rules that no test expects to match, and did: whether they match anything is not known. */
  readonly neverMatched: readonly string[];
}

const START = parseTimestamp("2026-01-01T00:00:00.000Z");

/** Tries rules on the events that stand beside them. */
export async function tryRules(rules: readonly Rule[]): Promise<TryReport> {
  const results: TestResult[] = [];
  const matched = new Set<string>();
  for (const rule of rules) {
    for (const [at, test] of rule.tests.entries()) {
      const outcome = await tryRule(rule, test);
      if (outcome.why === null && test.expect === "match") matched.add(rule.name);
      const name = test.name ?? `test ${at + 1}`;
      results.push({ rule: rule.name, file: rule.file, test: name, passed: outcome.why === null, why: outcome.why });
    }
  }
  return {
    results,
    untested: rules.filter(({ tests }) => tests.length === 0).map(({ name }) => name),
    neverMatched: rules.filter(({ name, tests }) => tests.length > 0 && !matched.has(name)).map(({ name }) => name),
  };
}

async function tryRule(rule: Rule, test: RuleTest): Promise<{ readonly why: string | null }> {
  const texts = await textsOf(rule, test);
  if (typeof texts === "string") return { why: texts };
  const log = test.log ?? aLogOf(rule);
  if (!matchesLog(rule.logs, log)) return { why: `the rule is not asked about log ${log}` };
  const rules = new RuleSet([rule]);
  const memory = RuleMemory.read(null);
  const start = toMillis(test.arrived !== undefined && isTimestamp(test.arrived) ? test.arrived : START);
  let alarms = 0;
  for (const [index, text] of texts.entries()) {
    const arrived: Timestamp = timestamp(start + index * (test.every ?? 1000));
    memory.advance(toMillis(arrived));
    for (const { countKey, throttleKey } of rules.evaluate({ log, index, source: test.source ?? "test", arrived, text })) {
      if (rule.count !== undefined && memory.count(rule.name, countKey, index, rule.count) === null) continue;
      if (rule.throttle === undefined || memory.admit(rule.name, throttleKey, index, rule.throttle.every)) alarms++;
    }
  }
  const [status] = rules.status.rules;
  if (status !== undefined && status.lastError !== null) return { why: `it failed: ${status.lastError.message}` };
  if (rules.status.notJson > 0 && rule.condition.uses.has("event")) return { why: "an event of the test is no JSON object" };
  if (test.expect === "match" && alarms === 0) {
    const { matched = 0 } = status ?? {};
    const counted = rule.count === undefined ? "" : `; ${matched} of the ${rule.count.atLeast} that it asks for`;
    return { why: `expected a match, got none in ${texts.length === 1 ? "the event" : `${texts.length} events`}${counted}` };
  }
  if (test.expect === "no match" && alarms > 0) return { why: "expected no match, got one" };
  return { why: null };
}

/** The events' texts; as a string, why there are none. */
async function textsOf(rule: Rule, test: RuleTest): Promise<string[] | string> {
  const { event, events, file, times = 1 } = test;
  let once: string[];
  if (file === undefined) {
    once = (events ?? [event]).map((one) => (typeof one === "string" ? one : JSON.stringify(one)));
  } else {
    const path = resolve(dirname(rule.file), file);
    try {
      once = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
    } catch (error) {
      return `${path} can't be read: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (once.length === 0) return `${path} holds no event`;
  }
  return Array.from({ length: times }, () => once).flat();
}

/** A log that the rule is asked about, for tests that do not say which. */
function aLogOf(rule: Rule): string {
  return (rule.logs[0] ?? "**").replaceAll("**", "test").replaceAll("*", "test");
}
