import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Registry } from "prom-client";
import { SteleError } from "../core/error.ts";

/**
 * Writes a registry's metrics for node_exporter's textfile collector: in place whole or not at all, readable by everybody.
 * @param path ends with `.prom`: the collector reads no other
 * @throws SteleError `input.invalid`, `alert.failed`
 */
export async function writeTextfile(path: string, registry: Pick<Registry, "metrics">): Promise<void> {
  if (!path.endsWith(".prom")) {
    throw new SteleError(
      "input.invalid",
      `textfile: expected a file that ends with .prom, as node_exporter reads no other; got ${path}`,
    );
  }
  const text = await registry.metrics();
  // Its name ends otherwise: half a file must not be collected.
  const staged = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    const file = await open(staged, "wx", 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(staged, path);
  } catch (cause) {
    await rm(staged, { force: true }).catch(() => undefined);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SteleError("alert.failed", `${path} can't be written: ${reason}`, { cause });
  }
}
