const DAY = 86_400_000;

/**
 * How long a receiver asks to be left alone (RFC 9110, section 10.2.3: seconds, or a date), in milliseconds; null where it does
 * not say so, or in no way that is one. At most a day: none may silence alarms for good with a header.
 */
export function retryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null;
  const text = header.trim();
  if (/^\d{1,15}$/.test(text)) return Math.min(DAY, Number(text) * 1000);
  // An HTTP-date begins with the day's name; Date.parse would take other things for dates, too.
  const date = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? null : Math.min(DAY, Math.max(0, date - now));
}
