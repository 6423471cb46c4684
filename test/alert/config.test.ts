import { describe, expect, it } from "vitest";
import { alarmsConfigSchema } from "../../src/alert/config.ts";

const problems = (value: unknown): string => {
  const { error } = alarmsConfigSchema.safeParse(value);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`).join("\n");
};
const one = (more: Record<string, unknown>): unknown => ({ destinations: [{ name: "soc", ...more }] });
const WEBHOOK = { type: "webhook", url: "https://soc.example/hook", secretFile: "soc.secret" };

describe("the section alarms", () => {
  it("has its defaults", () => {
    expect(alarmsConfigSchema.parse({})).toEqual({
      destinations: [],
      retry: { for: 86_400_000 },
      timeout: 15_000,
      allowPrivate: [],
    });
  });

  it("takes every type of destination", () => {
    const destinations = [
      { name: "a", ...WEBHOOK, minSeverity: "warning", kinds: ["finding.*", "test"], logs: ["app/**", "k8s-*"], timeout: "30s" },
      { name: "b", type: "slack", urlEnv: "SLACK_URL" },
      { name: "c", type: "pagerduty", secretEnv: "PD_KEY" },
      { name: "d", type: "sns", topicArn: "arn:aws:sns:eu-central-1:123456789012:alarms.fifo" },
      { name: "e", type: "eventbridge", bus: "default", region: "eu-central-1" },
      { name: "f", type: "command", command: ["/usr/local/bin/page", "--now"] },
      { name: "g", type: "textfile", path: "/var/lib/node_exporter/stele.prom" },
    ];
    const parsed = alarmsConfigSchema.parse({
      destinations,
      retry: { for: "12h" },
      timeout: "5s",
      allowPrivate: ["10.0.0.0/8", "hooks.internal", "fd00::/8"],
    });
    expect(parsed.destinations.map(({ type }) => type)).toEqual([
      "webhook",
      "slack",
      "pagerduty",
      "sns",
      "eventbridge",
      "command",
      "textfile",
    ]);
    expect(parsed.destinations[0]?.timeout).toBe(30_000);
    expect(parsed.retry.for).toBe(43_200_000);
  });

  it.each([
    [
      "a secret in it",
      { ...WEBHOOK, secretFile: undefined, secret: "whsec_abc" },
      /does not stand in the configuration.*secretFile.*secretEnv/,
    ],
    ["a routing key in it", { type: "pagerduty", routingKey: "0123" }, /does not stand in the configuration/],
    ["a Slack URL in it", { type: "slack", url: "https://hooks.slack.com/services/T/B/X" }, /is its secret.*urlFile/],
    ["a password in a URL", { ...WEBHOOK, url: "https://me:pass@soc.example/" }, /no user name or password/],
    ["another scheme", { ...WEBHOOK, url: "ftp://soc.example/" }, /https:\/\//],
    ["no secret", { type: "webhook", url: "https://soc.example/" }, /one of secretFile, secretEnv, got 0/],
    ["two URLs", { ...WEBHOOK, urlEnv: "URL" }, /one of url, urlFile, urlEnv, got 2/],
    ["a kind that there is not", { ...WEBHOOK, kinds: ["finding.open"] }, /expected a kind of alarm/],
    ["a program by name", { type: "command", command: ["page"] }, /path with a slash/],
    ["a textfile that is not collected", { type: "textfile", path: "stele.txt" }, /\.prom/],
    ["a timeout without a unit", { ...WEBHOOK, timeout: "30" }, /expected a whole number with ms, s/],
    ["a timeout of no time", { ...WEBHOOK, timeout: "0s" }, /expected a time from/],
    ["an unknown key", { ...WEBHOOK, colour: "red" }, /[Uu]nrecognized key/],
  ])("refuses %s", (_what, destination, message) => {
    expect(problems(one(destination))).toMatch(message);
  });

  it("says no secret where it refuses one", () => {
    const said = problems(one({ ...WEBHOOK, secret: "whsec_hushhush", url: "https://me:hushhush@soc.example/" }));
    expect(said).not.toBe("");
    expect(said).not.toContain("hushhush");
  });

  it("refuses two destinations of one name, and an entry of allowPrivate that is none", () => {
    expect(
      problems({
        destinations: [
          { name: "a", ...WEBHOOK },
          { name: "a", ...WEBHOOK },
        ],
      }),
    ).toContain("different names");
    expect(problems({ allowPrivate: ["10.0.0.0/33"] })).toContain("expected a CIDR");
    expect(problems({ allowPrivate: ["https://x"] })).toContain("expected a CIDR");
  });
});
