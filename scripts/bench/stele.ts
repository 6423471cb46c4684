import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { EventsFile } from "./events-file.ts";
import { executeNode, type Run } from "./process.ts";

/** The built command. */
export const COMMAND: string = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const ORIGIN = "bench.example";
const LOG = "events";

/** An archive in a folder, still without events. */
export interface Place {
  readonly folder: string;
  readonly store: string;
  readonly keyFile: string;
}

const ARCHIVED = z.object({ ok: z.literal(true), entries: z.int(), rawBytes: z.int(), storedBytes: z.int() });
const VERIFIED = z.object({ ok: z.literal(true), logs: z.array(z.object({ entries: z.int(), bytes: z.int() })).length(1) });
const KEYS = z.object({ keys: z.array(z.string()).min(1) });

export async function initPlace(folder: string): Promise<Place> {
  const place = { folder, store: join(folder, "archive"), keyFile: join(folder, "bench.key") };
  await stele(folder, ["init", place.store, "--origin", ORIGIN, "--retention", "90d", "--key-file", place.keyFile]);
  return place;
}

/** @throws Error when not exactly the file's events were archived */
export async function archive({ folder, store, keyFile }: Place, file: EventsFile): Promise<Run & { storedBytes: number }> {
  const run = await stele(folder, ["archive", store, "--log", LOG, "--key-file", keyFile, file.path]);
  const { entries, rawBytes, storedBytes } = ARCHIVED.parse(JSON.parse(run.stdout));
  requireAll("archived", file, { events: entries, bytes: rawBytes });
  return { ...run, storedBytes };
}

export async function verifierKey({ folder, keyFile }: Place): Promise<string> {
  const { keys } = KEYS.parse(JSON.parse((await stele(folder, ["keys", "show", keyFile])).stdout));
  return keys[0] ?? "";
}

/** @throws Error when not exactly the file's events were verified */
export async function verify({ folder, store }: Place, key: string, file: EventsFile): Promise<Run> {
  const run = await stele(folder, ["verify", store, "--level", "content", "--key", key]);
  const [log] = VERIFIED.parse(JSON.parse(run.stdout)).logs;
  requireAll("verified", file, { events: log?.entries ?? 0, bytes: log?.bytes ?? 0 });
  return run;
}

function stele(folder: string, args: readonly string[]): Promise<Run> {
  return executeNode([COMMAND, ...args, "--quiet", "--json"], folder, {
    // Nobody's own configuration has a part in a measurement.
    XDG_CONFIG_HOME: folder,
    XDG_STATE_HOME: folder,
    STELE_KEY: "",
    STELE_KEY_FILE: "",
  });
}

/** A figure of less than the whole work would be worth nothing. */
export function requireAll(done: string, file: EventsFile, got: { readonly events: number; readonly bytes: number }): void {
  if (got.events === file.events && got.bytes === file.bytes) return;
  throw new Error(
    `${file.path}: of ${file.events} events (${file.bytes} bytes), ${got.events} (${got.bytes} bytes) were ${done}`,
  );
}
