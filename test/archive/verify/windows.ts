import type { Archive } from "../../../src/archive/archive.ts";
import type { Finding } from "../../../src/archive/finding.ts";
import { type OpenLog, openLog } from "../../../src/archive/log-reader.ts";
import { SegmentPool } from "../../../src/archive/segment/pool.ts";
import { verifyWindow, windowAt, type WindowOptions, type WindowOutcome } from "../../../src/archive/verify/window.ts";
import type { SignedCheckpoint } from "../../../src/core/checkpoint.ts";
import type { Store } from "../../../src/store/port.ts";
import { LOG, NOW } from "../fixture.ts";

export type Level = Pick<WindowOptions, "locks" | "content">;
export const LEVELS: Readonly<Record<"manifests" | "locks" | "content", Level>> = {
  manifests: { locks: false, content: false },
  locks: { locks: true, content: false },
  content: { locks: true, content: true },
};

/** For all tests of a file: threads are not made anew for each window. */
export const POOL: SegmentPool = new SegmentPool(1);

export interface Run extends Partial<Omit<WindowOptions, "found">> {
  readonly level?: Level;
}

/** Verifies one window, and gives all that was found in it. */
export async function lookAt(
  store: Store,
  opened: OpenLog,
  [first, end]: readonly [number, number | null],
  { level = LEVELS.content, ...options }: Run = {},
): Promise<WindowOutcome & { findings: Finding[] }> {
  const findings: Finding[] = [];
  const window = await windowAt(opened, first, end);
  const all = { ...level, now: NOW, pool: POOL, checkpoints: [], ...options };
  const found = (one: Finding): void => void findings.push(one);
  const outcome = await verifyWindow(store, opened.log, window, {
    ...all,
    found,
    onChecked: async (checked) => {
      checked.findings.forEach(found);
      await options.onChecked?.(checked);
    },
  });
  return { ...outcome, findings };
}

/** The windows of `width` manifests that cover a log; the last goes to its end. */
export function windowsOf(size: number, width: number): [number, number | null][] {
  const windows: [number, number | null][] = [];
  for (let first = 0; first < Math.max(size, 1); first += width)
    windows.push([first, first + width < size ? first + width : null]);
  return windows;
}

/** What all windows of a log find together; null where the log has no head to go by. */
export async function lookEverywhere(
  archive: Archive,
  width: number,
  options: Run & { readonly remembered?: readonly SignedCheckpoint[] } = {},
): Promise<Finding[] | null> {
  let opened: OpenLog;
  try {
    opened = await openLog(archive, LOG);
  } catch {
    return null;
  }
  const findings: Finding[] = [];
  for (const window of windowsOf(opened.history.size, width)) {
    const checkpoints = window[1] === null ? (options.remembered ?? []) : [];
    findings.push(...(await lookAt(archive.store, opened, window, { ...options, checkpoints })).findings);
  }
  return findings;
}

/** Findings as a set, by what they are remembered by. */
export function names(findings: readonly Finding[]): string[] {
  const name = ({ code, severity, index, object, versionId }: Finding): string =>
    JSON.stringify([code, severity, index, object, versionId]);
  return [...new Set(findings.map(name))].sort();
}
