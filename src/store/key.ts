import { SteleError } from "../core/error.ts";

const MAX_KEY_BYTES = 1024;

// oxlint-disable-next-line no-control-regex -- they are what is refused
const FORBIDDEN_CHARACTER = /[\\\u0000-\u001f\u007f-\u009f]/u;

/**
 * Refuses what cannot be an object's key in every store alike: 1 to 1024 bytes of UTF-8, components separated by `/`,
 * none of them empty, `.` or `..`, without backslashes and control characters. So a key can't climb out of a prefix or a
 * folder, and means one object on every store.
 *
 * @throws SteleError `input.invalid`
 */
export function checkKey(key: string): void {
  const wrong = whatIsWrong(key);
  if (wrong !== null) {
    throw new SteleError("input.invalid", `object key: ${wrong}, got ${JSON.stringify(key.slice(0, 200))}`);
  }
}

/** Whether {@link checkKey} lets `key` pass. A listing may hold keys that do not: a stranger wrote them. */
export function isKey(key: string): boolean {
  return whatIsWrong(key) === null;
}

/** Orders keys as S3 lists them, by their UTF-8 bytes; JavaScript's own order differs beyond U+FFFF. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return utf8Rank(x) - utf8Rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for U+10000 and up, which UTF-8 sorts after U+E000 to U+FFFF, and UTF-16 before. */
function utf8Rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

function whatIsWrong(key: string): string | null {
  if (key === "") return "expected at least one character";
  if (!key.isWellFormed()) return "expected well-formed Unicode (no lone surrogates)";
  if (FORBIDDEN_CHARACTER.test(key)) return "expected no backslash and no control character";
  const bytes = new TextEncoder().encode(key).length;
  if (bytes > MAX_KEY_BYTES) return `expected at most ${MAX_KEY_BYTES} bytes of UTF-8, found ${bytes}`;
  for (const component of key.split("/")) {
    if (component === "") return "expected no leading, trailing or doubled '/'";
    if (component === "." || component === "..") return "expected no '.' or '..' between slashes";
  }
  return null;
}
