import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { SteleError } from "../core/error.ts";
import type { SecretSource } from "./config.ts";

/** What destinations need of the world around the configuration. */
export interface Surroundings {
  /** The configuration's folder, which paths in it are relative to. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const MAX_BYTES = 64 * 1024;

/**
 * Reads a secret anew, so that one that was changed holds for the next attempt: its lines that are not empty.
 * @param what whose secret, for the message; the secret itself stands in none
 * @throws SteleError `input.unreadable`, `input.invalid`
 */
export async function readSecret(source: SecretSource, what: string, { folder, env }: Surroundings): Promise<string[]> {
  const text =
    source.file === undefined ? fromEnv(source.env ?? "", what, env) : await fromFile(resolve(folder, source.file), what);
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (lines.length > 0) return lines;
  const where = source.file === undefined ? `the environment variable ${source.env ?? ""}` : source.file;
  throw new SteleError("input.invalid", `${what}: expected a secret in ${where}, which is empty`);
}

function fromEnv(name: string, what: string, env: Surroundings["env"]): string {
  const value = env[name];
  if (value !== undefined) return value;
  throw new SteleError("input.invalid", `${what}: expected the environment variable ${name} to be set`);
}

async function fromFile(path: string, what: string): Promise<string> {
  try {
    const info = await stat(path);
    if (info.size > MAX_BYTES) throw new SteleError("input.invalid", `${what}: ${path}: expected at most ${MAX_BYTES} bytes`);
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof SteleError) throw cause;
    throw new SteleError(
      "input.unreadable",
      `${what}: ${path} can't be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** `text` without any of the secrets in it: for what a receiver or a library says. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text;
  // The longest first: one may be a part of another.
  for (const secret of secrets.toSorted((a, b) => b.length - a.length)) {
    if (secret.length >= 4) clean = clean.replaceAll(secret, "[redacted]");
  }
  return clean;
}
