import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { ruleMetrics } from "../../../src/alert/rules/metrics.ts";
import { RuleObserver } from "../../../src/alert/rules/observer.ts";
import { parseRules } from "../../../src/alert/rules/rules-file.ts";
import { metLog } from "./met-log.ts";

test("a rule that fails, and events that rules did not see, stand in the metrics, as often as these are asked for", async () => {
  const rule = { title: "T", description: "D", severity: "info" };
  const rules = [
    { ...rule, name: "failing", where: "event.a + 1 == 2" },
    { ...rule, name: "finding", where: 'event.a == "x"' },
  ];
  const observer = new RuleObserver(parseRules(JSON.stringify({ rules }), "rules.yaml"));
  const registry = new Registry();
  let isKnown = false;
  ruleMetrics(registry, () => (isKnown ? observer.status() : null));
  expect(await registry.metrics()).not.toMatch(/^stele_rule_errors_total\{/m);
  isKnown = true;
  const [met] = await metLog([[{ lines: ['{"a":"x"}', '{"a":"y"}', "plain"] }]]);
  if (met === undefined) throw new Error("no manifest");
  await observer.observe(met, null);
  await registry.metrics();
  const lines = (await registry.metrics()).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      'stele_rule_errors_total{rule="failing"} 2',
      'stele_rule_errors_total{rule="finding"} 0',
      'stele_rule_matches_total{rule="finding"} 1',
      'stele_rule_events_unseen_total{reason="not_json"} 1',
      'stele_rule_events_unseen_total{reason="too_large"} 0',
      "stele_rule_groups_forgotten_total 0",
    ]),
  );
});
