import { constantOf, type Expr, pathOf } from "./syntax-tree.ts";

/**
 * A condition without which an expression is not true: what stands at a path of the event is one of these strings. Asking it
 * takes a look into a table for all rules together; without it each event would go through each rule's expression.
 */
export interface Guard {
  /** Keys below `event`. */
  readonly path: readonly string[];
  readonly values: readonly string[];
}

/**
 * The guards that follow from `==` and `in` on the conditions that && joins. Where one is false so is the whole, whatever
 * the other side is, an error included; where its field is missing the whole is not true.
 */
export function guardsOf(expr: Expr): Guard[] {
  if (expr.exprKind.case !== "callExpr") return [];
  const { function: name, args } = expr.exprKind.value;
  const [left, right] = args;
  if (left === undefined || right === undefined) return [];
  if (name === "_&&_") return args.flatMap(guardsOf);
  if (name === "_==_") return guard(left, [right]) ?? guard(right, [left]) ?? [];
  if (name === "@in" && right.exprKind.case === "listExpr") return guard(left, right.exprKind.value.elements) ?? [];
  // Of two sides of which one holds, both must be about the same field.
  if (name === "_||_") return either(guardsOf(left), guardsOf(right));
  return [];
}

function guard(field: Expr, constants: readonly Expr[]): Guard[] | null {
  const path = pathOf(field);
  if (path === null || path[0] !== "event" || path.length < 2) return null;
  const values = constants.map(constantOf);
  const texts = values.filter((value) => typeof value === "string");
  return texts.length === values.length && texts.length > 0 ? [{ path: path.slice(1), values: texts }] : null;
}

function either(left: readonly Guard[], right: readonly Guard[]): Guard[] {
  return left.flatMap(({ path, values }) => {
    const other = right.find((candidate) => JSON.stringify(candidate.path) === JSON.stringify(path));
    return other === undefined ? [] : [{ path, values: [...new Set([...values, ...other.values])] }];
  });
}
