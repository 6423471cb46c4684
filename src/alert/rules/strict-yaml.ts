import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { SteleError } from "../../core/error.ts";

/** A place in a YAML file: keys and positions from the top. */
export type YamlPath = readonly (string | number)[];

/** Something wrong, and where. */
export interface YamlProblem {
  readonly path: YamlPath;
  readonly text: string;
}

/** A YAML file that its schema takes, and where in it things stand. */
export interface YamlFile<T> {
  readonly value: T;
  /** An error that names the line of each problem. */
  refuse(problems: readonly YamlProblem[]): SteleError;
}

/**
 * Reads YAML strictly: no key twice, none that the schema does not know, few aliases. An empty file is an empty map.
 * @param what the kind of file, for messages
 * @throws SteleError `input.invalid`, naming each line that is wrong
 */
export function parseStrictYaml<T>(text: string, path: string, schema: z.ZodType<T>, what: string): YamlFile<T> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, strict: true });
  const invalid = (problems: readonly { line: number; text: string }[]): SteleError =>
    new SteleError("input.invalid", `${what}: ${problems.map(({ line, text: why }) => `${path}:${line}: ${why}`).join("\n")}`);
  const wrong = [...document.errors, ...document.warnings];
  if (wrong.length > 0) throw invalid(wrong.map(({ pos, message }) => ({ line: lines.linePos(pos[0]).line, text: message })));
  const refuse = (problems: readonly YamlProblem[]): SteleError =>
    invalid(
      problems.map((problem) => ({
        line: lineOf(document, lines, problem.path),
        text: problem.path.length === 0 ? problem.text : `${problem.path.join(".")}: ${problem.text}`,
      })),
    );
  const parsed = schema.safeParse(toPlain(document, path, what));
  if (!parsed.success) throw refuse(parsed.error.issues.flatMap(problemsOf));
  return { value: parsed.data, refuse };
}

/** Aliases of aliases grow without bound. */
function toPlain(document: Document, path: string, what: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 10 }) ?? {};
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SteleError("input.invalid", `${what}: ${path}: ${why}`, { cause });
  }
}

function problemsOf(issue: z.core.$ZodIssue): YamlProblem[] {
  const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  if (issue.code !== "unrecognized_keys") return [{ path, text: issue.message }];
  return issue.keys.map((key) => ({ path: [...path, key], text: "unknown key" }));
}

/** The line of what stands at `path`, or of the nearest thing around it. */
export function lineOf(document: Document, lines: LineCounter, path: YamlPath): number {
  for (let length = path.length; length > 0; length--) {
    const parent: unknown = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const name = String(path[length - 1]);
    const key = isMap(parent)
      ? parent.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === name)?.key
      : undefined;
    const node: unknown = key ?? document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
