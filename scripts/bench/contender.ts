import type { EventsFile } from "./events-file.ts";
import type { Run } from "./process.ts";

/** What `archive` is measured beside. */
export interface Contender {
  readonly name: string;
  /** How many times its speed is wanted of `archive`, at least. */
  readonly wanted: number;
  /** What it does, and what not, for who compares. */
  readonly note: string;
  /** So slow that it gets only the first events of the file. */
  readonly slow: boolean;
  /** Processes the whole file as whole processes. `folder` is empty and its own. @throws Error when it did less */
  run(file: EventsFile, folder: string): Promise<Run>;
}

/** A contender that can't be had here. */
export interface Missing {
  readonly name: string;
  /** Why, and what to do about it. */
  readonly missing: string;
}
