/** Names of logs with `*` for any part of a name's part and `**` for any number of parts, such as `k8s/*` or `**`. */
export const LOG_PATTERN: RegExp = /^[a-z0-9._*/-]{1,200}$/;

/** Whether a log's name fits one of the patterns. The archive's own logs, such as `_sweeps`, have to be named as such. */
export function matchesLog(patterns: readonly string[], log: string): boolean {
  return patterns.some((pattern) => log.startsWith("_") === pattern.startsWith("_") && fits(pattern.split("/"), log.split("/")));
}

function fits(pattern: readonly string[], parts: readonly string[]): boolean {
  const [head, ...rest] = pattern;
  if (head === undefined) return parts.length === 0;
  if (head === "**") return fits(rest, parts) || (parts.length > 0 && fits(pattern, parts.slice(1)));
  const [part, ...others] = parts;
  return part !== undefined && fitsPart(head, part) && fits(rest, others);
}

/** Piece by piece: a regular expression with several stars could take long. */
function fitsPart(pattern: string, part: string): boolean {
  const [first = "", ...pieces] = pattern.split("*");
  if (pieces.length === 0) return pattern === part;
  const last = pieces.pop() ?? "";
  if (!part.startsWith(first) || !part.endsWith(last) || part.length < first.length + last.length) return false;
  let at = first.length;
  const end = part.length - last.length;
  for (const piece of pieces) {
    const found = part.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}
