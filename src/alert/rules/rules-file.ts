import { open } from "node:fs/promises";
import { fromUtf8 } from "../../core/bytes.ts";
import { SteleError } from "../../core/error.ts";
import { compileExpression, type Expression } from "./expression.ts";
import { type RuleDefinition, rulesFileSchema } from "./rule.ts";
import { parseStrictYaml, type YamlPath, type YamlProblem } from "./strict-yaml.ts";

/** A rule whose expressions are ready to be evaluated. */
export interface Rule extends RuleDefinition {
  /** The file it stands in. */
  readonly file: string;
  readonly condition: Expression;
  readonly countBy: Expression | null;
  readonly throttleBy: Expression | null;
}

export const MAX_RULES_BYTES: number = 4 * 2 ** 20;

/**
 * Reads rules files. A name stands for one rule in all of them together: alarms and what is remembered go by it.
 * @throws SteleError `input.unreadable`; `input.invalid`, naming each line that is wrong
 */
export async function readRules(paths: readonly string[]): Promise<Rule[]> {
  const rules: Rule[] = [];
  for (const path of paths) {
    const read = parseRules(await readText(path), path);
    for (const { name } of read) {
      const other = rules.find((rule) => rule.name === name);
      if (other === undefined) continue;
      throw new SteleError("input.invalid", `rules: ${path}: rule ${name} stands in ${other.file} already; names are given once`);
    }
    rules.push(...read);
  }
  return rules;
}

/** @throws SteleError `input.invalid`, naming each line that is wrong */
export function parseRules(text: string, path: string): Rule[] {
  const file = parseStrictYaml(text, path, rulesFileSchema, "rules");
  const problems: YamlProblem[] = [];
  const names = new Map<string, number>();
  const rules = file.value.rules.map((definition, at): Rule | null => {
    const compiled = (source: string, where: YamlPath): Expression | null => {
      try {
        return compileExpression(source);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        problems.push({ path: ["rules", at, ...where], text: why.replace("<input>:", "at ") });
        return null;
      }
    };
    const before = names.get(definition.name);
    if (before !== undefined) problems.push({ path: ["rules", at, "name"], text: `rule ${before} has this name already` });
    names.set(definition.name, at);
    const { count, throttle } = definition;
    const condition = compiled(definition.where, ["where"]);
    const countBy = count?.by === undefined ? null : compiled(count.by, ["count", "by"]);
    const throttleBy = throttle?.by === undefined ? null : compiled(throttle.by, ["throttle", "by"]);
    return condition === null ? null : { ...definition, file: path, condition, countBy, throttleBy };
  });
  if (problems.length > 0) throw file.refuse(problems);
  return rules.filter((rule) => rule !== null);
}

async function readText(path: string): Promise<string> {
  try {
    await using file = await open(path, "r");
    const { size } = await file.stat();
    if (size > MAX_RULES_BYTES) {
      throw new SteleError("input.invalid", `rules: ${path}: expected at most ${MAX_RULES_BYTES} bytes, got ${size}`);
    }
    return fromUtf8(await file.readFile());
  } catch (cause) {
    if (cause instanceof SteleError && cause.code === "input.invalid") throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SteleError("input.unreadable", `rules: ${path} can't be read: ${why}`, { cause });
  }
}
