import { type CelInput, celList, celMap } from "@bufbuild/cel";

/** A longer event is not parsed: what it would take in memory is many times as much. Its text can still be looked at. */
export const MAX_PARSED_CHARS: number = 8 * 2 ** 20;

/** An event as rules see it; `unreadable` says why there is no object. */
export type ParsedEvent =
  | { readonly object: JsonObject; readonly unreadable: null }
  | { readonly object: null; readonly unreadable: "not-json" | "too-large" };

export type JsonObject = Readonly<Record<string, unknown>>;

/** Lists within lists are looked at so deep; what lies deeper is null. */
const MAX_LISTS = 100;

/** 16 digits in a row may be a whole number that a double can't hold. */
const MAY_BE_BIG = /\d{16}/;
const WHOLE = /^-?\d+$/;
const MAX_INT = 2n ** 63n;

/** Reads an event's text. Of several keys of one name the last counts, as nearly everywhere. Never throws. */
export function parseEvent(text: string): ParsedEvent {
  if (text.length > MAX_PARSED_CHARS) return { object: null, unreadable: "too-large" };
  // The first line of a file may begin with a byte order mark.
  const json = text.startsWith("\uFEFF") ? text.slice(1) : text;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { object: null, unreadable: "not-json" };
  }
  if (!isJsonObject(value)) return { object: null, unreadable: "not-json" };
  if (!MAY_BE_BIG.test(json)) return { object: value, unreadable: null };
  const exact = parseExactly(json);
  return { object: isJsonObject(exact) ? exact : value, unreadable: null };
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What stands at a path of keys; undefined where there is nothing. */
export function valueAt(object: JsonObject, path: readonly string[]): unknown {
  let value: unknown = object;
  for (const key of path) {
    if (!isJsonObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/**
 * A JSON value for CEL. Objects are looked into only where a rule does; keys mean nothing to this program, so that an event
 * that has `constructor`, `__proto__` or `$typeName` in it is seen like any other.
 */
export function toCelInput(value: unknown, depth = 0): CelInput {
  if (Array.isArray(value)) return depth < MAX_LISTS ? celList(value.map((inner) => toCelInput(inner, depth + 1))) : null;
  if (isJsonObject(value)) return celMap(new JsonMap(value));
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
    case "bigint":
      return value;
    default:
      return null;
  }
}

/** Whole numbers beyond 2^53 as they stand in the text. */
function parseExactly(json: string): unknown {
  const revive = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const source = context?.source ?? "";
    if (!WHOLE.test(source) || source.length > 20) return value;
    const whole = BigInt(source);
    return whole >= -MAX_INT && whole < MAX_INT ? whole : value;
  };
  try {
    return JSON.parse(json, revive);
  } catch {
    // Nested so deep that the reviver runs out of stack: big numbers stay rounded then.
    return null;
  }
}

class JsonMap implements ReadonlyMap<string, CelInput> {
  readonly #object: JsonObject;

  constructor(object: JsonObject) {
    this.#object = object;
  }

  get size(): number {
    return Object.keys(this.#object).length;
  }

  get(key: unknown): CelInput | undefined {
    return typeof key === "string" && Object.hasOwn(this.#object, key) ? toCelInput(this.#object[key]) : undefined;
  }

  has(key: unknown): boolean {
    return typeof key === "string" && Object.hasOwn(this.#object, key);
  }

  forEach(visit: (value: CelInput, key: string, map: ReadonlyMap<string, CelInput>) => void): void {
    for (const [key, value] of this) visit(value, key, this);
  }

  *entries(): MapIterator<[string, CelInput]> {
    for (const key of Object.keys(this.#object)) yield [key, toCelInput(this.#object[key])];
  }

  keys(): MapIterator<string> {
    return Object.keys(this.#object).values();
  }

  *values(): MapIterator<CelInput> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): MapIterator<[string, CelInput]> {
    return this.entries();
  }
}
