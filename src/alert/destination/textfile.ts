import { resolve } from "node:path";
import type { Registry } from "prom-client";
import { isSteleError } from "../../core/error.ts";
import type { TextfileConfig } from "../config.ts";
import { writeTextfile } from "../textfile.ts";
import { DELIVERED, type Destination, failed } from "./destination.ts";

/** A file of metrics for node_exporter, written anew at each alarm. */
export function textfileDestination({ name, path }: TextfileConfig, folder: string, registry: Registry): Destination {
  const target = resolve(folder, path);
  // One after the other: what was collected first must not replace what was collected later.
  let turn: Promise<unknown> = Promise.resolve();
  return {
    name,
    async deliver() {
      const written = turn.then(() => writeTextfile(target, registry));
      turn = written.catch(() => undefined);
      try {
        await written;
        return DELIVERED;
      } catch (error) {
        if (isSteleError(error)) return failed(error.message);
        throw error;
      }
    },
  };
}
