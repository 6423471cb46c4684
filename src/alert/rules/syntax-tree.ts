import { parse, run } from "@bufbuild/cel";

export type Expr = ReturnType<typeof parse>["expr"];

/** Planned by themselves, not looked up among the functions. */
const OPERATORS = new Set(["_&&_", "_||_", "_?_:_", "_[_]", "@not_strictly_false"]);
const TYPES = new Set(["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"]);

/**
 * Refuses what could only fail, or could be turned against this program: unknown names and functions, patterns that are no
 * constant or no pattern, and a loop inside a loop over something else, whose cost would be the product of two lengths that
 * whoever writes the events may choose.
 *
 * @returns the variables that are used
 * @throws Error
 */
export function checkSyntaxTree<Name extends string>(
  tree: Expr,
  variables: readonly Name[],
  isFunction: (name: string) => boolean,
): Set<Name> {
  const used = new Set<Name>();
  const visit = (expr: Expr | undefined, loops: readonly string[]): void => {
    if (expr === undefined) return;
    const { exprKind: kind } = expr;
    switch (kind.case) {
      case "identExpr": {
        const { name } = kind.value;
        const variable = variables.find((known) => known === name);
        if (loops.includes(name) || name.startsWith("@")) return;
        if (variable !== undefined) used.add(variable);
        else if (!TYPES.has(name)) throw new Error(`unknown name ${name}; there are ${variables.join(", ")}`);
        return;
      }
      case "selectExpr":
        visit(kind.value.operand, loops);
        return;
      case "callExpr": {
        const { function: name, target, args } = kind.value;
        if (!OPERATORS.has(name) && !isFunction(name)) throw new Error(`unknown function ${name}`);
        if (name === "matches") checkPattern(target === undefined ? args[1] : args[0]);
        for (const inner of [target, ...args]) visit(inner, loops);
        return;
      }
      case "listExpr":
        for (const element of kind.value.elements) visit(element, loops);
        return;
      case "structExpr":
        if (kind.value.messageName !== "") throw new Error(`unknown type ${kind.value.messageName}`);
        for (const { keyKind, value } of kind.value.entries) {
          if (keyKind.case === "mapKey") visit(keyKind.value, loops);
          visit(value, loops);
        }
        return;
      case "comprehensionExpr": {
        const { iterVar, iterRange, accuInit, loopCondition, loopStep, result } = kind.value;
        const around = loops.at(-1);
        if (around !== undefined && iterRange !== undefined && !isConstant(iterRange) && rootOf(iterRange) !== around) {
          throw new Error(
            `a loop inside a loop has to go over something of ${around}: else one event could keep the rule busy for hours`,
          );
        }
        visit(iterRange, loops);
        for (const inner of [accuInit, loopCondition, loopStep, result]) visit(inner, [...loops, iterVar]);
        return;
      }
      default:
    }
  };
  visit(tree, []);
  if (constantOf(tree) !== undefined) throw new Error("expected a condition on the event, got a constant");
  return used;
}

/** The constant that an expression is; undefined for anything else. */
export function constantOf({ exprKind }: Expr): string | boolean | bigint | number | Uint8Array | null | undefined {
  if (exprKind.case !== "constExpr") return undefined;
  const { constantKind } = exprKind.value;
  switch (constantKind.case) {
    case "stringValue":
    case "boolValue":
    case "int64Value":
    case "uint64Value":
    case "doubleValue":
    case "bytesValue":
      return constantKind.value;
    default:
      return null;
  }
}

/** The keys from a variable to a field, such as `["event", "user", "name"]`; null for anything else. */
export function pathOf({ exprKind }: Expr): string[] | null {
  switch (exprKind.case) {
    case "identExpr":
      return [exprKind.value.name];
    case "selectExpr": {
      const { operand, field, testOnly } = exprKind.value;
      const before = operand === undefined || testOnly ? null : pathOf(operand);
      return before === null ? null : [...before, field];
    }
    case "callExpr": {
      const { function: name, args } = exprKind.value;
      const [of, key] = args;
      const constant = key === undefined ? undefined : constantOf(key);
      const before = name !== "_[_]" || of === undefined || typeof constant !== "string" ? null : pathOf(of);
      return before === null || typeof constant !== "string" ? null : [...before, constant];
    }
    default:
      return null;
  }
}

function rootOf(expr: Expr): string | undefined {
  return pathOf(expr)?.[0];
}

function isConstant({ exprKind }: Expr): boolean {
  return exprKind.case === "listExpr" && exprKind.value.elements.every((element) => constantOf(element) !== undefined);
}

/** RE2 takes time in proportion to pattern and text: the pattern must be the rule's own. */
function checkPattern(pattern: Expr | undefined): void {
  const constant = pattern === undefined ? undefined : constantOf(pattern);
  if (typeof constant !== "string") throw new Error("matches: expected the pattern as a string, not as something of the event");
  const tried = run("''.matches(pattern)", { pattern: constant });
  if (tried instanceof Error) throw new Error(`matches: ${tried.message}`);
}
