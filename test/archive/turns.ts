import type { Store } from "../../src/store/port.ts";

export type Who = "a" | "b";

/** A call that waits for its turn. */
export interface Waiting {
  readonly who: Who;
  readonly call: keyof Store;
  readonly key: string;
}

/** Who goes next, of those that wait. Naming one that does not wait lets the other go. */
export type Schedule = (waiting: Partial<Record<Who, Waiting>>) => Who;

export const other = (who: Who): Who => (who === "a" ? "b" : "a");

/** `i` calls of `first`, `j` of the other, then `first` to its end, then the other. */
export function inParts(first: Who, i: number, j: number): Schedule {
  let made = 0;
  return () => {
    const at = made++;
    return at >= i && at < i + j ? other(first) : first;
  };
}

/** Lets the calls of two writers through to one store one at a time, in the order that a schedule says. */
export class Turns {
  /** The calls of the race, in the order in which they were let through. */
  readonly made: Waiting[] = [];
  readonly #schedule: Schedule;
  readonly #waiting = new Map<Who, Waiting & { readonly go: () => void }>();
  readonly #live = new Set<Who>();

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  /** What one writer sees of the store. Before the race its calls go straight through. */
  store(who: Who, store: Store): Store {
    const inTurn = async <T>(call: keyof Store, key: string, work: () => Promise<T>): Promise<T> => {
      await this.#turn({ who, call, key });
      return work();
    };
    const turn = (prefix: string): Promise<void> => this.#turn({ who, call: "versions", key: prefix });
    return {
      url: store.url,
      get capabilities() {
        return store.capabilities;
      },
      putIfAbsent: (key, body, options) => inTurn("putIfAbsent", key, () => store.putIfAbsent(key, body, options)),
      get: (key, options) => inTurn("get", key, () => store.get(key, options)),
      head: (key, options) => inTurn("head", key, () => store.head(key, options)),
      lockState: (key, options) => inTurn("lockState", key, () => store.lockState(key, options)),
      extendRetention: (key, until, options) => inTurn("extendRetention", key, () => store.extendRetention(key, until, options)),
      setLegalHold: (key, held, options) => inTurn("setLegalHold", key, () => store.setLegalHold(key, held, options)),
      async *versions(prefix, options) {
        await turn(prefix);
        yield* store.versions(prefix, options);
      },
    };
  }

  /** @returns what each of the two threw; null for the one that got through */
  async race(work: Record<Who, () => Promise<void>>): Promise<Record<Who, unknown>> {
    this.#live.add("a").add("b");
    const run = async (who: Who): Promise<unknown> => {
      try {
        await work[who]();
        return null;
      } catch (error) {
        return error;
      } finally {
        this.#live.delete(who);
        this.#next();
      }
    };
    const [a, b] = await Promise.all([run("a"), run("b")]);
    return { a, b };
  }

  #turn(call: Waiting): Promise<void> {
    if (!this.#live.has(call.who)) return Promise.resolve();
    return new Promise((go) => {
      this.#waiting.set(call.who, { ...call, go });
      this.#next();
    });
  }

  /** Only when all that are still under way wait is one let through: nothing depends on how fast anything is. */
  #next(): void {
    if (this.#live.size === 0 || this.#waiting.size < this.#live.size) return;
    const wanted = this.#schedule(Object.fromEntries(this.#waiting));
    const chosen = this.#waiting.get(wanted) ?? [...this.#waiting.values()][0];
    if (chosen === undefined) return;
    this.#waiting.delete(chosen.who);
    this.made.push({ who: chosen.who, call: chosen.call, key: chosen.key });
    chosen.go();
  }
}
