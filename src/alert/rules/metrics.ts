import { Counter, type Registry } from "prom-client";
import type { RulesStatus } from "./rule-set.ts";

/** What {@link ruleMetrics} shows, since the rules were read the last time. */
export interface RuleFigures extends RulesStatus {
  /** Groups that were given up for want of room. */
  readonly forgotten: number;
}

/** Metrics of rules: one that fails on every event must not look like one that finds nothing. They begin anew with new rules. */
export function ruleMetrics(registry: Registry, figures: () => RuleFigures | null): void {
  const collected = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    values: (of: RuleFigures) => readonly (readonly [labels: Record<Label, string>, value: number])[],
  ): void => {
    const counter = new Counter<Label>({
      name,
      help,
      labelNames,
      registers: [],
      collect() {
        this.reset();
        const now = figures();
        for (const [labels, value] of now === null ? [] : values(now)) this.inc(labels, value);
      },
    });
    registry.registerMetric(counter);
  };
  collected("stele_rule_errors_total", "Events that a rule's condition failed on, which it did not match.", ["rule"], (of) =>
    of.rules.map(({ rule, errors }) => [{ rule }, errors] as const),
  );
  collected("stele_rule_matches_total", "Events that a rule's condition matched.", ["rule"], (of) =>
    of.rules.map(({ rule, matched }) => [{ rule }, matched] as const),
  );
  collected("stele_rule_events_unseen_total", "Events that rules on event did not see.", ["reason"], (of) => [
    [{ reason: "not_json" }, of.notJson],
    [{ reason: "too_large" }, of.tooLarge],
  ]);
  collected("stele_rule_groups_forgotten_total", "Groups of counting rules that were given up for want of room.", [], (of) => [
    [{}, of.forgotten],
  ]);
}
