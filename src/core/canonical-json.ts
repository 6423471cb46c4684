import { z } from "zod";
import { clip, fromUtf8 } from "./bytes.ts";
import { type ErrorCode, SteleError } from "./error.ts";
import { isTimestamp, type Timestamp } from "./time.ts";

/** Building blocks of the format's JSON objects: one value, one spelling. */
export const counter: z.ZodNumber = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
export const base64Hash: z.ZodString = z.string().regex(/^[A-Za-z0-9+/]{43}=$/, "expected 32 bytes in base64");
export const time: z.ZodType<Timestamp> = z.custom<Timestamp>((value) => typeof value === "string" && isTimestamp(value), {
  error: "expected a time like 2026-11-23T15:00:01.123Z",
});
export const text: (max: number) => z.ZodType<string> = (max) =>
  z
    .string()
    .max(max)
    .refine((value) => value.isWellFormed(), "expected well-formed Unicode");

/**
 * Reads a JSON object in its one spelling: parse, validate, encode again, compare. White space, another order of keys,
 * duplicate or unknown keys and other spellings of numbers and strings are all refused by the comparison.
 * @throws SteleError with `code`
 */
export function parseCanonical<T>(
  bytes: Uint8Array,
  schema: z.ZodType<T>,
  encode: (value: T) => string,
  code: ErrorCode,
  what: string,
): T {
  let value: unknown;
  let line: string;
  try {
    line = fromUtf8(bytes);
    value = JSON.parse(line);
  } catch (cause) {
    throw new SteleError(code, `${what}: expected one line of JSON in UTF-8, got ${bytes.length} bytes that are not`, { cause });
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new SteleError(
      code,
      `${what}: ${issue === undefined ? "invalid" : `${issue.path.join(".") || "object"}: ${issue.message}`}`,
      {
        cause: result.error,
      },
    );
  }
  const canonical = encode(result.data);
  if (canonical !== line) {
    let at = 0;
    while (canonical[at] === line[at]) at++;
    throw new SteleError(
      code,
      `${what}: not in its one spelling: at character ${at} expected ${clip(canonical.slice(at, at + 40))}, got ${clip(line.slice(at, at + 40))}`,
    );
  }
  return result.data;
}
