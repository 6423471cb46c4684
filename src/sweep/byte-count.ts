import { SteleError } from "../core/error.ts";

const BYTES: Readonly<Record<string, number>> = {
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/**
 * A number of bytes such as `20MB` (decimal, as prices and networks have it) or `512MiB`.
 * @throws SteleError `input.invalid`
 */
export function parseByteCount(text: string): number {
  const [, digits, unit = ""] = /^(\d{1,7})([kKMGT]i?B)$/.exec(text) ?? [];
  const bytes = Number(digits) * (BYTES[unit] ?? Number.NaN);
  if (bytes >= 1 && Number.isSafeInteger(bytes)) return bytes;
  throw new SteleError(
    "input.invalid",
    `expected a number of bytes with KB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 20MB or 512MiB, got ${JSON.stringify(text.slice(0, 64))}`,
  );
}
