import { SteleError } from "../core/error.ts";

/**
 * The value of an option that has to be given. Commander would ask for it before it looks at options that it does not
 * know, and so never suggest `--origin` for `--orign`.
 * @throws SteleError `input.invalid`
 */
export function required(value: string | undefined, option: string): string {
  if (value !== undefined) return value;
  throw new SteleError("input.invalid", `expected the option ${option}; --help shows what there is`);
}

/** @throws SteleError `input.invalid` unless `text` is a whole number of at least `least` */
export function wholeNumber(text: string, what: string, least = 1): number {
  const value = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw new SteleError("input.invalid", `${what}: expected a whole number from ${least}, got ${JSON.stringify(text)}`);
}

/** Collects the values of a repeatable option. */
export function appended(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}
