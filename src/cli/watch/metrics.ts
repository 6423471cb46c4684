import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** What is asked of the daemon whenever metrics are collected. Times are in milliseconds since 1970. */
export interface WatchFigures {
  /** How each round on the agenda fares. */
  rounds(): readonly RoundFigures[];
  /** How many findings are open that say "could not tell". */
  unreadableFindings(): number;
  /** Since when the byte that waits longest has not been read; null where nothing is known yet. */
  oldestRead(): number | null;
  isReady(): boolean;
}

export interface RoundFigures {
  readonly round: string;
  readonly told: number | null;
  readonly sound: number | null;
  readonly isOverdue: boolean;
  readonly couldNotTell: boolean;
}

export type RoundOutcome = "sound" | "unsound" | "unknown" | "stopped" | "failed";
const OUTCOMES: readonly RoundOutcome[] = ["sound", "unsound", "unknown", "stopped", "failed"];

const ROUND_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400];

/** Metrics of `stele watch` in a registry of its own. Times are in seconds, sizes in bytes. */
export class WatchMetrics {
  readonly #durations: Histogram<"round">;
  readonly #rounds: Counter<"round" | "outcome">;
  readonly #requests: Counter<"round">;
  readonly #bytes: Counter<"round">;
  readonly #reloadFailed: Gauge;
  readonly #reloaded: Gauge;
  readonly #pingFailed: Gauge;

  /** @param now milliseconds since 1970 */
  constructor(registry: Registry, figures: WatchFigures, now: () => number) {
    const registers = [registry];
    const labelNames = ["round"] as const;
    this.#durations = new Histogram({
      name: "stele_sweep_duration_seconds",
      help: "How long rounds took, those that were cut short as well.",
      labelNames,
      buckets: ROUND_SECONDS,
      registers,
    });
    this.#rounds = new Counter({
      name: "stele_sweep_rounds_total",
      help: "Rounds by what came of them; unknown is could not tell.",
      labelNames: ["round", "outcome"],
      registers,
    });
    const counter = (name: string, help: string): Counter<"round"> => new Counter({ name, help, labelNames, registers });
    this.#requests = counter("stele_sweep_requests_total", "Requests made of the store.");
    this.#bytes = counter("stele_sweep_read_bytes_total", "Bytes read from the store.");
    const plain = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
    this.#reloadFailed = plain(
      "stele_config_reload_failed",
      "1 when the newest configuration was wrong, and an older one is in force.",
    );
    this.#reloaded = plain("stele_config_reload_timestamp_seconds", "When the configuration in force was read.");
    this.#pingFailed = plain("stele_ping_failed", "1 when the last ping did not get through.");

    const collected = <Label extends string>(
      name: string,
      help: string,
      labels: readonly Label[],
      values: () => Iterable<readonly [Record<Label, string>, number]>,
    ): void => {
      const gauge = new Gauge<Label>({
        name,
        help,
        labelNames: labels,
        registers: [],
        collect() {
          this.reset();
          for (const [label, value] of values()) this.set(label, value);
        },
      });
      registry.registerMetric(gauge);
    };
    const ofRounds = (name: string, help: string, value: (round: RoundFigures) => number | null): void =>
      collected(name, help, ["round"], () =>
        figures.rounds().flatMap((round) => {
          const said = value(round);
          return said === null ? [] : [[{ round: round.round }, said] as const];
        }),
      );
    ofRounds(
      "stele_sweep_last_told_timestamp_seconds",
      "When a round last ended that could tell, whatever it found.",
      ({ told }) => seconds(told),
    );
    ofRounds("stele_sweep_last_sound_timestamp_seconds", "When a round last ended that found all sound.", ({ sound }) =>
      seconds(sound),
    );
    ofRounds("stele_sweep_overdue", "1 when a round is more than two turns late.", ({ isOverdue }) => Number(isOverdue));
    ofRounds("stele_sweep_could_not_tell", "1 when the last round could not read all that it was to.", ({ couldNotTell }) =>
      Number(couldNotTell),
    );
    collected("stele_findings_unreadable", "Findings that are open and say that something could not be read.", [], () => [
      [{}, figures.unreadableFindings()] as const,
    ]);
    collected("stele_sweep_coverage_age_seconds", "Age of the byte that has not been read again for the longest.", [], () => {
      const oldest = figures.oldestRead();
      return oldest === null ? [] : [[{}, Math.max(0, now() - oldest) / 1000] as const];
    });
    collected("stele_watch_ready", "1 when the archive is reached and the head round is not overdue.", [], () => [
      [{}, Number(figures.isReady())] as const,
    ]);
  }

  /** Its counters stand at 0 from here on: a rate over a series that begins with its first event would miss that one. */
  begin(round: string): void {
    for (const outcome of OUTCOMES) this.#rounds.inc({ round, outcome }, 0);
    this.#requests.inc({ round }, 0);
    this.#bytes.inc({ round }, 0);
  }

  ended(
    round: string,
    outcome: RoundOutcome,
    used: { readonly millis: number; readonly requests: number; readonly bytes: number },
  ): void {
    this.#durations.observe({ round }, used.millis / 1000);
    this.#rounds.inc({ round, outcome });
    this.#requests.inc({ round }, used.requests);
    this.#bytes.inc({ round }, used.bytes);
  }

  /** @param at when it was read; null: it was wrong, and the older one stays */
  configured(at: number | null): void {
    this.#reloadFailed.set(at === null ? 1 : 0);
    if (at !== null) this.#reloaded.set(at / 1000);
  }

  pinged(isThrough: boolean): void {
    this.#pingFailed.set(isThrough ? 0 : 1);
  }
}

function seconds(millis: number | null): number | null {
  return millis === null ? null : millis / 1000;
}
