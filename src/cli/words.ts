const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `1,234,567`. */
export function count(n: number): string {
  return n.toLocaleString("en-US");
}

/** `1 entry`, `2 entries`. */
export function counted(n: number, singular: string, plural = `${singular}s`): string {
  return `${count(n)} ${n === 1 ? singular : plural}`;
}

/** `0 B`, `1.5 KiB`, `32 MiB`. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : trimmed(value)} ${UNITS[unit]}`;
}

/** Bytes a second, in the decimal megabytes that network and disk speeds are given in. */
export function speed(bytes: number, millis: number): string {
  return `${trimmed(bytes / 1e6 / Math.max(0.001, millis / 1000))} MB/s`;
}

/** `0.4 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(millis: number): string {
  const seconds = Math.round(millis / 1000);
  if (seconds < 10) return `${(millis / 1000).toFixed(1)} s`;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/**
 * Untrusted text made fit for a terminal: control characters and those that turn the direction of writing could else
 * rewrite what stands on the screen. Line feeds stay.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (c) =>
    c === "\n" ? c : `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

function trimmed(value: number): string {
  return value.toFixed(1).replace(/\.0$/, "");
}
