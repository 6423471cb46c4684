import { createRequire } from "node:module";
import { join } from "node:path";
import { z } from "zod";
import { linesOf } from "./events-file.ts";

// A process of its own: appends a file's lines to a new hypercore.
// Arguments: the folder in which hypercore is installed, the file, the new core's folder, how many events there must be.

const BATCH = 1000;

interface Core {
  readonly length: number;
  append(batch: readonly Buffer[]): Promise<unknown>;
  close(): Promise<void>;
}

const HYPERCORE = z.custom<new (storage: string) => Core>((value) => typeof value === "function");

const [installed = "", file = "", storage = "", events = ""] = process.argv.slice(2);
const Hypercore = HYPERCORE.parse(createRequire(join(installed, "package.json"))("hypercore"));
const core = new Hypercore(storage);
for await (const batch of linesOf(file, BATCH)) await core.append(batch);
if (core.length !== Number(events)) throw new Error(`hypercore: expected ${events} blocks, got ${core.length}`);
await core.close();
