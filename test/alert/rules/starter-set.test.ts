import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readRules } from "../../../src/alert/rules/rules-file.ts";
import { RuleSet } from "../../../src/alert/rules/rule-set.ts";
import { tryRules } from "../../../src/alert/rules/try-rules.ts";
import { parseTimestamp } from "../../../src/core/time.ts";

const ROOT = new URL("../../../", import.meta.url);
const file = (name: string): string => fileURLToPath(new URL(`infra/rules/${name}`, ROOT));
const DATA = new URL("../shared/data/", ROOT);

describe.each(["cloudtrail.yaml", "kubernetes-audit.yaml"])("infra/rules/%s", (name) => {
  test("every rule passes its tests, of which one matches and one does not", async () => {
    const rules = await readRules([file(name)]);
    const { results, untested, neverMatched } = await tryRules(rules);
    expect(results.filter(({ passed }) => !passed)).toEqual([]);
    expect({ untested, neverMatched }).toEqual({ untested: [], neverMatched: [] });
    const oneSided = rules.filter(({ tests }) => !tests.some(({ expect: outcome }) => outcome === "no match"));
    expect(oneSided.map((rule) => rule.name)).toEqual([]);
  });

  test("no rule has to be evaluated for every event there is", async () => {
    const rules = await readRules([file(name)]);
    const guarded = rules.filter(({ condition }) => condition.guards.length > 0).map((rule) => rule.name);
    // Root is asked for by who acted, opened buckets in two ways: these look at every event.
    expect(rules.length - guarded.length).toBeLessThanOrEqual(5);
  });
});

/** How often each rule's condition holds on the lines of a file. */
async function matchesOn(rules: string, data: string): Promise<Record<string, number>> {
  const set = new RuleSet(await readRules([file(rules)]));
  const lines = (await readFile(new URL(data, DATA), "utf8")).trimEnd().split("\n");
  const arrived = parseTimestamp("2026-01-01T00:00:00.000Z");
  for (const [index, text] of lines.entries()) set.evaluate({ log: "log", index, source: "file", arrived, text });
  expect(set.status.rules.filter(({ errors }) => errors > 0)).toEqual([]);
  expect(set.status).toMatchObject({ events: lines.length, notJson: 0, tooLarge: 0 });
  return Object.fromEntries(set.status.rules.filter(({ matched }) => matched > 0).map(({ rule, matched }) => [rule, matched]));
}

const absent = existsSync(DATA) ? "" : " (left out: ../shared/data is not there)";

describe.skipIf(absent !== "")(`real events${absent}`, () => {
  test("of an account under a simulated attack", async () => {
    expect(await matchesOn("cloudtrail.yaml", "cloudtrail.ndjson")).toEqual({
      "aws.logging-stopped": 6,
      "aws.trail-changed": 2,
      "aws.console-login-without-mfa": 1,
      "aws.admin-granted": 2,
      "aws.privileges-changed": 14,
      "aws.credentials-for-another": 4,
      "aws.role-trusts-another-account": 1,
      "aws.trust-anchor-created": 1,
      "aws.security-group-opened": 1,
      "aws.log-data-deleted": 2,
      "aws.bucket-expires-early": 1,
      "aws.secrets-read-in-bulk": 147,
      "aws.user-data-read": 19,
      "aws.password-data-read": 29,
      "aws.snapshot-shared": 3,
      "aws.function-opened": 1,
      "aws.organization-left": 1,
      "aws.command-on-instances": 1,
      "aws.access-denied-burst": 60,
    });
  });

  test("of clusters on which the attacks were tried", async () => {
    expect(await matchesOn("kubernetes-audit.yaml", "k8s-audit.ndjson")).toEqual({
      "k8s.exec": 2,
      "k8s.privileged-pod": 4,
      "k8s.host-path": 2,
      "k8s.cluster-admin-bound": 1,
      "k8s.anonymous-allowed": 1,
    });
  });
});
