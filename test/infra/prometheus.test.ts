import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Registry } from "prom-client";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { ensurePromtool, run } from "../../scripts/promtool.ts";
import { AlarmMetrics } from "../../src/alert/metrics.ts";
import { WriterMetrics } from "../../src/archive/log/metrics.ts";
import { WatchMetrics } from "../../src/cli/watch/metrics.ts";

const FOLDER = fileURLToPath(new URL("../../infra/prometheus", import.meta.url));
const PAGE = new URL("../../docs/OPERATIONS.md", import.meta.url);

const rulesFile = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string(),
          expr: z.string(),
          for: z.string(),
          labels: z.strictObject({ severity: z.enum(["critical", "warning"]) }),
          annotations: z.strictObject({ summary: z.string(), description: z.string(), runbook_url: z.url() }),
        }),
      ),
    }),
  ),
});

describe("the alert rules for Prometheus", () => {
  let rules: z.infer<typeof rulesFile>["groups"][number]["rules"];
  beforeAll(async () => {
    const text = await readFile(`${FOLDER}/stele-alerts.yaml`, "utf8");
    rules = rulesFile.parse(parse(text)).groups.flatMap((group) => group.rules);
  });

  it("are what promtool takes, and raise what its tests say", async () => {
    const promtool = await ensurePromtool();
    expect(await run(promtool, ["check", "rules", "stele-alerts.yaml"], FOLDER)).toContain(
      `SUCCESS: ${rules.length} rules found`,
    );
    expect(await run(promtool, ["test", "rules", "stele-alerts.test.yaml"], FOLDER)).toContain("SUCCESS");
  });

  it("have each a test that raises it, and one where it is not raised", async () => {
    const tests = await readFile(`${FOLDER}/stele-alerts.test.yaml`, "utf8");
    const shape = z.object({
      tests: z.array(
        z.object({ alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()).optional() })) }),
      ),
    });
    const tried = shape.parse(parse(tests)).tests.flatMap((test) => test.alert_rule_test);
    const raised = tried.filter((one) => one.exp_alerts !== undefined).map(({ alertname }) => alertname);
    const quiet = tried.filter((one) => one.exp_alerts === undefined).map(({ alertname }) => alertname);
    const names = rules.map(({ alert }) => alert).sort();
    expect([...new Set(raised)].sort()).toEqual(names);
    expect([...new Set(quiet)].sort()).toEqual(names);
  });

  it("lead to a runbook each", async () => {
    const headings = (await readFile(PAGE, "utf8"))
      .split("\n")
      .filter((line) => line.startsWith("#"))
      .map((line) => line.replace(/^#+ /, "").toLowerCase());
    for (const { alert, annotations } of rules) {
      expect(annotations.runbook_url).toMatch(new RegExp(`/docs/OPERATIONS\\.md#${alert.toLowerCase()}$`));
      expect(headings).toContain(alert.toLowerCase());
    }
  });

  it("ask for metrics that there are", async () => {
    const registry = new Registry();
    const now = (): number => 0;
    void new WriterMetrics(registry, now);
    void new AlarmMetrics(registry, { now, openFindings: () => [] });
    void new WatchMetrics(
      registry,
      { rounds: () => [], unreadableFindings: () => 0, oldestRead: () => null, isReady: () => false },
      now,
    );
    const known = new Set((await registry.getMetricsAsJSON()).map(({ name }) => name));
    for (const { alert, expr } of rules) {
      const asked = expr.match(/\bstele_[a-z_]+/g) ?? [];
      expect(asked, alert).not.toEqual([]);
      for (const name of asked) expect([...known]).toContain(name);
    }
  });
});
