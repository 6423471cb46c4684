/**
 * Untrusted text made fit for a line that people read: control characters, line breaks and those that turn the direction of
 * writing are spelled out, and what is no Unicode is replaced.
 */
export function visible(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) =>
      c === "\n" || c === "\t" ? " " : `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`,
    );
}

/** The beginning of a text, of at most `units` UTF-16 units, never half a character; what is left out is said with an ellipsis. */
export function shorten(text: string, units: number): string {
  if (text.length <= units) return text;
  return `${text
    .slice(0, Math.max(0, units - 1))
    .toWellFormed()
    .replace(/\uFFFD$/, "")}…`;
}

/** JSON in which no invisible character stands as itself. A parser gives the same value as for what JSON.stringify writes. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Bytes of a text in UTF-8. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text);
}
