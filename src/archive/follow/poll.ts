import { type FSWatcher, watch } from "node:fs";

/** What ended a wait: its time, or a hint that there may be something to read. */
export type Wake = "poll" | "hint";

/** Lets a busy writer's lines gather: a hint for each of them would make each a delivery of its own. */
const HINT_MILLIS = 20;

/** Waits between two looks at a file. The system's notices only shorten a wait: they don't exist on every file system. */
export class Poll {
  readonly #millis: number;
  #watcher: FSWatcher | null = null;
  #hinted = false;
  #wake: (() => void) | null = null;

  constructor(millis: number) {
    this.#millis = millis;
  }

  /** Takes hints from the file at `path` from now on, and from no other. */
  watch(path: string): void {
    this.close();
    try {
      const watcher = watch(path, { persistent: false }, () => {
        this.#hinted = true;
        this.#wake?.();
      });
      // Also when the system has no watches left; the time alone ends the waits then.
      watcher.on("error", () => watcher.close());
      this.#watcher = watcher;
    } catch {
      this.#watcher = null;
    }
  }

  async wait(signal: AbortSignal): Promise<Wake> {
    if (signal.aborted) return "poll";
    return new Promise((resolve) => {
      let timer = setTimeout(() => end("poll"), this.#millis);
      const stop = (): void => end("poll");
      const end = (wake: Wake): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", stop);
        this.#wake = null;
        this.#hinted = false;
        resolve(wake);
      };
      signal.addEventListener("abort", stop, { once: true });
      this.#wake = () => {
        this.#wake = null;
        clearTimeout(timer);
        timer = setTimeout(() => end("hint"), Math.min(HINT_MILLIS, this.#millis));
      };
      if (this.#hinted) this.#wake();
    });
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = null;
    this.#hinted = false;
  }
}
