import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { matchesLog } from "../../../src/alert/rules/log-pattern.ts";
import { parseRules, readRules } from "../../../src/alert/rules/rules-file.ts";
import { isSteleError } from "../../../src/core/error.ts";
import { refusal } from "../../core/refusal.ts";

const GOOD = `rules:
  - name: app.denied
    title: Somebody was refused
    description: Look who it was.
    severity: warning
    where: event.status == 403
`;

const messageOf = (text: string): string => {
  try {
    parseRules(text, "rules.yaml");
  } catch (error) {
    if (isSteleError(error, "input.invalid")) return error.message;
    throw error;
  }
  return "nothing wrong";
};

test("what is left out has its defaults", () => {
  expect(parseRules(GOOD, "rules.yaml")).toMatchObject([
    { name: "app.denied", file: "rules.yaml", logs: ["**"], tags: [], tests: [], countBy: null, throttleBy: null },
  ]);
});

test.each([
  ["an unknown key", `${GOOD}    wher: x\n`, "rules.yaml:7: rules.0.wher: unknown key"],
  ["a key twice", `${GOOD}    title: again\n`, "rules.yaml:7: Map keys must be unique"],
  ["a severity", GOOD.replace("warning", "high"), "rules.yaml:5: rules.0.severity: "],
  ["a name", GOOD.replace("app.denied", "App denied"), "rules.yaml:2: rules.0.name: expected a name such as"],
  ["a condition", GOOD.replace("event.status", "evnt.status"), "rules.yaml:6: rules.0.where: unknown name evnt"],
  ["CEL", GOOD.replace("403", "403 )"), "rules.yaml:6: rules.0.where: at 1:"],
  ["a title of two lines", GOOD.replace("Somebody was refused", '"a\\nb"'), "rules.yaml:3: rules.0.title: expected one line"],
  ["a period", `${GOOD}    throttle: {every: 1 hour}\n`, "rules.yaml:7: rules.0.throttle.every: "],
  ["no period", `${GOOD}    throttle: {every: 0s}\n`, "rules.yaml:7: rules.0.throttle.every: expected a period"],
  ["a group", `${GOOD}    count: {atLeast: 5, within: 1m, by: evnt.x}\n`, "rules.yaml:7: rules.0.count.by: unknown name evnt"],
  ["a count of one", `${GOOD}    count: {atLeast: 1, within: 1m}\n`, "rules.yaml:7: rules.0.count.atLeast: "],
  ["a test", `${GOOD}    tests:\n      - expect: match\n`, "rules.yaml:8: rules.0.tests.0: expected one of event"],
  ["an expectation", `${GOOD}    tests:\n      - {event: {}, expect: maybe}\n`, "rules.yaml:8: rules.0.tests.0.expect: "],
  ["a name that is taken", GOOD + GOOD.replace("rules:\n", ""), "rules.yaml:7: rules.1.name: rule 0 has this name already"],
  ["nothing", "", "rules.yaml:1: rules: "],
])("%s is refused with its line", (_what, text, message) => {
  expect(messageOf(text)).toContain(message);
});

test("aliases that grow without end are refused", () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nrules: [*c,*c,*c,*c]\n`;
  expect(refusal(() => parseRules(bomb, "rules.yaml"))).toBe("input.invalid");
});

test("a name is given once in all files together, and a file has to be there", async () => {
  const folder = await mkdtemp(join(tmpdir(), "stele-rules-"));
  try {
    const [one, two] = [join(folder, "one.yaml"), join(folder, "two.yaml")];
    await writeFile(one, GOOD);
    await writeFile(two, GOOD.replace("app.denied", "app.other"));
    expect((await readRules([one, two])).map(({ name }) => name)).toEqual(["app.denied", "app.other"]);
    await writeFile(two, GOOD);
    await expect(readRules([one, two])).rejects.toThrow(`${two}: rule app.denied stands in ${one} already`);
    await expect(readRules([join(folder, "none")])).rejects.toMatchObject({ code: "input.unreadable" });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.each([
  ["**", "app", true],
  ["**", "k8s/prod/eu", true],
  ["*", "app", true],
  ["*", "k8s/prod", false],
  ["k8s/*", "k8s/prod", true],
  ["k8s/*", "k8s/prod/eu", false],
  ["k8s/**", "k8s/prod/eu", true],
  ["k8s/**", "k8s", true],
  ["**/audit", "k8s/prod/audit", true],
  ["**/audit", "k8s/prod/audits", false],
  ["app-*-eu", "app-1-eu", true],
  ["app-*-eu", "app-eu", false],
  ["a*b*c", "a1b2c", true],
  ["a*b*c", "a1c2b", false],
  ["app", "app2", false],
  ["ap.", "app", false],
  ["**", "_sweeps", false],
  ["*", "_sweeps", false],
  ["_*", "_sweeps", true],
  ["_**", "app", false],
])("pattern %s and log %s: %s", (pattern, log, expected) => {
  expect(matchesLog([pattern], log)).toBe(expected);
});
