import { isSteleError } from "../../core/error.ts";
import { checkpointCopyPrefix, parseLogName } from "../../core/layout.ts";
import type { Store } from "../../store/port.ts";
import { type Finding, finding } from "../finding.ts";

/**
 * The logs of an archive of which second stores keep checkpoints: one of which nothing is left must not be passed over. A
 * request for each. A store that can't be listed is reported to `found`.
 */
export async function copiedLogs(
  copies: readonly Store[],
  archiveOrigin: string,
  found: (finding: Finding) => void,
  signal?: AbortSignal,
): Promise<string[]> {
  const names = new Set<string>();
  for (const copy of copies) {
    try {
      for await (const name of logsIn(copy, archiveOrigin, signal)) names.add(name);
    } catch (error) {
      if (!isSteleError(error) || signal?.aborted === true) throw error;
      found(finding("anchor.unreadable", "", `copies of checkpoints can't be listed: ${error.message}`, { object: copy.url }));
    }
  }
  return [...names];
}

async function* logsIn(copy: Store, archiveOrigin: string, signal?: AbortSignal): AsyncGenerator<string, void, undefined> {
  const folder = checkpointCopyPrefix(archiveOrigin).replace(/\/$/, "+");
  let after: string | undefined;
  for (;;) {
    let key: string | undefined;
    for await (const version of copy.versions(folder, { after, limit: 1, signal })) {
      ({ key } = version);
      break;
    }
    if (key === undefined) return;
    const [name = ""] = key.slice(folder.length).split("/");
    if (isLogName(name.replaceAll("+", "/"))) yield name.replaceAll("+", "/");
    after = `${folder}${name}/~`;
  }
}

function isLogName(name: string): boolean {
  try {
    parseLogName(name);
    return true;
  } catch {
    return false;
  }
}
