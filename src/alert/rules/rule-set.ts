import type { Timestamp } from "../../core/time.ts";
import { type JsonObject, parseEvent, toCelInput, valueAt } from "./event.ts";
import { constantValue, type Expression, type Outcome, spellValue, type Variables } from "./expression.ts";
import type { Guard } from "./guard.ts";
import { matchesLog } from "./log-pattern.ts";
import type { Rule } from "./rules-file.ts";

/** An entry of a log, as rules are asked about it. */
export interface Entry {
  readonly log: string;
  readonly index: number;
  readonly source: string;
  readonly arrived: Timestamp;
  /** Bytes that are no UTF-8 are replaced. */
  readonly text: string;
}

/** What became of a rule since the process began. */
export interface RuleStatus {
  readonly rule: string;
  /** How often its condition was evaluated; events that it can't match by their very type are passed over before. */
  evaluated: number;
  matched: number;
  errors: number;
  lastError: { readonly message: string; readonly log: string; readonly index: number } | null;
}

export interface RulesStatus {
  events: number;
  /** Lines that are no JSON object: rules on `event` can't match them. */
  notJson: number;
  /** Longer than what is parsed: rules on `event` can't match them either. */
  tooLarge: number;
  readonly rules: readonly RuleStatus[];
}

/** A rule that matched, with the groups that its counting and throttling go by. */
export interface Match {
  readonly rule: Rule;
  readonly countKey: string;
  readonly throttleKey: string;
}

interface Candidate {
  readonly rule: Rule;
  readonly status: RuleStatus;
  readonly order: number;
}

/** Rules that look at the same field of an event, by the value that they ask for. */
interface Table {
  readonly path: readonly string[];
  readonly byValue: Map<string, Candidate[]>;
}

interface LogRules {
  readonly always: readonly Candidate[];
  readonly tables: readonly Table[];
}

/** Rules, ready to be asked about entries. */
export class RuleSet {
  readonly rules: readonly Rule[];
  readonly status: RulesStatus;
  readonly #candidates: readonly Candidate[];
  readonly #byLog = new Map<string, LogRules>();
  /** Entries of one delivery share it. */
  #arrived: { readonly text: Timestamp; readonly value: ReturnType<typeof constantValue> } | null = null;

  constructor(rules: readonly Rule[]) {
    this.rules = rules;
    this.#candidates = rules.map((rule, order) => ({
      rule,
      order,
      status: { rule: rule.name, evaluated: 0, matched: 0, errors: 0, lastError: null },
    }));
    this.status = { events: 0, notJson: 0, tooLarge: 0, rules: this.#candidates.map(({ status }) => status) };
  }

  wants(log: string): boolean {
    const { always, tables } = this.#forLog(log);
    return always.length + tables.length > 0;
  }

  /** The rules that an entry matches, in their order. Never throws. */
  evaluate(entry: Entry): Match[] {
    const { always, tables } = this.#forLog(entry.log);
    const { object, unreadable } = parseEvent(entry.text);
    this.status.events++;
    if (unreadable === "not-json") this.status.notJson++;
    else if (unreadable === "too-large") this.status.tooLarge++;
    const asked = object === null ? [...always] : [...always, ...tables.flatMap((table) => lookUp(table, object))];
    if (asked.length === 0) return [];
    if (asked.length > always.length) asked.sort((a, b) => a.order - b.order);
    const event = object === null ? null : toCelInput(object);
    const variablesFor = (expression: Expression): Variables | null => {
      const { uses } = expression;
      if (uses.has("event") && event === null) return null;
      return {
        text: entry.text,
        log: entry.log,
        source: entry.source,
        index: BigInt(entry.index),
        ...(event === null ? {} : { event }),
        ...(uses.has("arrived") ? { arrived: this.#timestamp(entry.arrived) } : {}),
      };
    };
    return asked.flatMap((candidate) => this.#ask(candidate, entry, variablesFor));
  }

  #ask({ rule, status }: Candidate, entry: Entry, variablesFor: (expression: Expression) => Variables | null): Match[] {
    const variables = variablesFor(rule.condition);
    if (variables === null) return [];
    status.evaluated++;
    const outcome = rule.condition.evaluate(variables);
    const failed = (message: string): void => {
      status.errors++;
      status.lastError = { message, log: entry.log, index: entry.index };
    };
    if (outcome.kind === "error") failed(outcome.message);
    if (outcome.kind !== "value") return [];
    if (typeof outcome.value !== "boolean") {
      failed(`expected true or false, got ${(spellValue(outcome.value) ?? "a value of another type").slice(0, 100)}`);
    }
    if (outcome.value !== true) return [];
    status.matched++;
    const keyBy = (expression: Expression | null): string => {
      const keyVariables = expression === null ? null : variablesFor(expression);
      const key: Outcome = expression === null || keyVariables === null ? { kind: "missing" } : expression.evaluate(keyVariables);
      const spelt = key.kind === "value" ? spellValue(key.value) : "";
      if (key.kind === "error") failed(`by: ${key.message}`);
      if (spelt === null) failed("by: expected a string, a number, or a list of them");
      // What has no key is a group too: better counted together than not at all.
      return spelt ?? "";
    };
    return [{ rule, countKey: keyBy(rule.countBy), throttleKey: keyBy(rule.throttleBy) }];
  }

  #timestamp(text: Timestamp): ReturnType<typeof constantValue> {
    if (this.#arrived?.text !== text) this.#arrived = { text, value: constantValue(`timestamp("${text}")`) };
    return this.#arrived.value;
  }

  #forLog(log: string): LogRules {
    let found = this.#byLog.get(log);
    if (found === undefined) {
      found = arrange(this.#candidates.filter(({ rule }) => matchesLog(rule.logs, log)));
      this.#byLog.set(log, found);
    }
    return found;
  }
}

function arrange(candidates: readonly Candidate[]): LogRules {
  const always: Candidate[] = [];
  const tables = new Map<string, Table>();
  for (const candidate of candidates) {
    // The one with the fewest values is likely to leave out the most events.
    const [guard] = candidate.rule.condition.guards.toSorted((a, b) => a.values.length - b.values.length);
    if (guard === undefined) {
      always.push(candidate);
      continue;
    }
    const name = JSON.stringify(guard.path);
    const table = tables.get(name) ?? { path: guard.path, byValue: new Map<string, Candidate[]>() };
    tables.set(name, table);
    for (const value of new Set(guard.values)) table.byValue.set(value, [...(table.byValue.get(value) ?? []), candidate]);
  }
  return { always, tables: [...tables.values()] };
}

/** The rules of a table that an event can match at all. */
function lookUp({ path, byValue }: Table, object: JsonObject): readonly Candidate[] {
  const value = valueAt(object, path);
  const found = typeof value === "string" ? byValue.get(value) : undefined;
  return found?.filter(({ rule }) => rule.condition.guards.every((guard) => holds(guard, object))) ?? [];
}

function holds({ path, values }: Guard, object: JsonObject): boolean {
  const value = valueAt(object, path);
  return typeof value === "string" && values.includes(value);
}
