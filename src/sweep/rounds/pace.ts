/** Of the days in which every byte is to be read again, a tenth is kept for runs that fail or come late. */
const SLACK = 0.9;

/**
 * How many manifests of a pass should have been read by now, so that it ends in time.
 * @param total manifests that the pass has to read
 */
export function dueManifests(total: number, startedAt: number, now: number, paceMillis: number): number {
  const share = Math.max(0, now - startedAt) / (paceMillis * SLACK);
  return Math.min(total, Math.max(1, Math.ceil(total * share)));
}

/** Whether it is too soon for another pass: what the last one began with was read recently enough. */
export function isTooSoon(lastStarted: number, now: number, paceMillis: number): boolean {
  return now >= lastStarted && now < lastStarted + paceMillis * SLACK;
}

/**
 * When a pass that has come so far will be through, in milliseconds since 1970, if it goes on as before; null where it has just
 * begun.
 */
export function expectedEnd(
  done: number,
  total: number,
  startedAt: number,
  now: number,
  paceMillis: number | null,
): number | null {
  if (paceMillis !== null) return Math.max(now, startedAt + paceMillis * SLACK);
  if (done <= 0 || now <= startedAt) return null;
  return now + ((now - startedAt) / done) * (total - done);
}
