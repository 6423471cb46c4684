import {
  celEnv,
  type CelInput,
  type CelResult,
  type CelValue,
  isCelError,
  isCelList,
  isCelMap,
  isCelUint,
  parse,
  plan,
} from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import { checkSyntaxTree } from "./syntax-tree.ts";
import { type Guard, guardsOf } from "./guard.ts";

/** What an expression may name. */
export const VARIABLES = ["event", "text", "log", "source", "arrived", "index"] as const;
export type Variable = (typeof VARIABLES)[number];

/** What one evaluation came to. `missing`: it asked for a field that the event does not have. */
export type Outcome =
  | { readonly kind: "value"; readonly value: CelValue }
  | { readonly kind: "missing" }
  | { readonly kind: "error"; readonly message: string };

/** A CEL expression, parsed and planned once. */
export interface Expression {
  readonly source: string;
  readonly uses: ReadonlySet<Variable>;
  /** Conditions without which it can't be true. */
  readonly guards: readonly Guard[];
  /** Never throws. */
  evaluate(variables: Variables): Outcome;
}

/** Values by name; what there is not is left out. */
export type Variables = Readonly<Partial<Record<Variable, CelInput>>>;

export const MAX_EXPRESSION_CHARS = 16_384;

const environment = celEnv({ funcs: strings });
const MISSING = /^field not found: |^index .* out of bounds/;

/** @throws Error saying what is wrong, where it can be told before there is an event */
export function compileExpression(source: string): Expression {
  if (source.length > MAX_EXPRESSION_CHARS) throw new Error(`expected at most ${MAX_EXPRESSION_CHARS} characters of CEL`);
  const tree = parse(source).expr;
  const uses = checkSyntaxTree(tree, VARIABLES, (name) => environment.funcs.find(name) !== undefined);
  const evaluate = plan(environment, tree);
  return {
    source,
    uses,
    guards: guardsOf(tree),
    evaluate: (variables) => {
      // A missing field makes an Error; to collect its stack took a third of all the time. Nothing else runs in between.
      const { stackTraceLimit } = Error;
      Error.stackTraceLimit = 0;
      try {
        return outcomeOf(evaluate(variables));
      } finally {
        Error.stackTraceLimit = stackTraceLimit;
      }
    },
  };
}

/** The value of an expression of constants: how a value is made for which there is no constructor, such as a timestamp. */
export function constantValue(source: string): CelValue {
  const value = plan(environment, parse(source))({});
  if (isCelError(value)) throw value;
  return value;
}

/** A value's one spelling, to tell groups apart by; null where it has none, such as a timestamp, or is nested without end. */
export function spellValue(value: CelValue): string | null {
  if (typeof value === "string") return value;
  const plainValue = plain(value, 0);
  return plainValue === undefined ? null : JSON.stringify(plainValue);
}

const MAX_DEPTH = 50;

function plain(value: CelValue, depth: number): unknown {
  if (typeof value !== "object" || value === null) return typeof value === "bigint" ? value.toString() : value;
  if (isCelUint(value)) return value.value.toString();
  if (depth === MAX_DEPTH) return undefined;
  if (isCelList(value)) return whole([...value].map((inner) => plain(inner, depth + 1)));
  if (!isCelMap(value)) return undefined;
  return whole([...value.entries()].map(([key, inner]) => whole([plain(key, depth + 1), plain(inner, depth + 1)])));
}

function whole(values: readonly unknown[]): readonly unknown[] | undefined {
  return values.includes(undefined) ? undefined : values;
}

function outcomeOf(result: CelResult): Outcome {
  if (!isCelError(result)) return { kind: "value", value: result };
  // Where both sides of && or || fail, the first error is given and the others are its cause.
  const others: readonly unknown[] = Array.isArray(result.cause) ? result.cause : [];
  const messages = [result, ...others].map((error) => (error instanceof Error ? error.message : String(error)));
  const message = messages.find((text) => !MISSING.test(text));
  return message === undefined ? { kind: "missing" } : { kind: "error", message };
}
