import { Counter, Gauge, type Registry } from "prom-client";
import type { Severity } from "../archive/finding.ts";
import { SteleError } from "../core/error.ts";
import type { Alarm } from "../sweep/alarm.ts";
import type { DestinationStatus } from "./deliverer.ts";
import type { DeliveryObserver } from "./delivery-observer.ts";

/** How many findings of a severity are open in a log. */
export interface OpenFindings {
  readonly log: string;
  readonly severity: Severity;
  readonly count: number;
}

export interface AlarmMetricsOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Asked whenever metrics are collected. */
  readonly openFindings?: (() => readonly OpenFindings[]) | undefined;
}

const FIRST_NAME = "stele_alarms_total";

/** Metrics of alarms in a `prom-client` registry: one set a registry. Times are in seconds. */
export class AlarmMetrics implements DeliveryObserver {
  readonly #made: Counter<"kind" | "severity">;
  readonly #delivered: Counter<"destination">;
  readonly #failed: Counter<"destination">;
  readonly #dead: Counter<"destination">;
  #status: (() => readonly DestinationStatus[]) | null = null;

  /** @throws SteleError `input.invalid` when the registry has these metrics already */
  constructor(registry: Registry, { now, openFindings }: AlarmMetricsOptions) {
    if (registry.getSingleMetric(FIRST_NAME) !== undefined) {
      throw new SteleError(
        "input.invalid",
        "metrics: expected a registry without metrics of alarms, got one that has them already",
      );
    }
    const registers = [registry];
    const counter = (name: string, help: string): Counter<"destination"> =>
      new Counter({ name, help, labelNames: ["destination"], registers });
    this.#made = new Counter({
      name: FIRST_NAME,
      help: "Alarms, each counted once.",
      labelNames: ["kind", "severity"],
      registers,
    });
    this.#delivered = counter("stele_alarms_delivered_total", "Alarms that a destination took.");
    this.#failed = counter("stele_alarm_attempts_failed_total", "Attempts that failed and are made again.");
    this.#dead = counter("stele_alarms_dead_total", "Alarms that are not tried any more: see stele alarms dead.");
    const gauge = (name: string, help: string, value: (status: DestinationStatus) => number): void => {
      const statuses = (): readonly DestinationStatus[] => this.#status?.() ?? [];
      const collected = new Gauge({
        name,
        help,
        labelNames: ["destination"],
        registers: [],
        collect() {
          this.reset();
          for (const status of statuses()) this.set({ destination: status.name }, value(status));
        },
      });
      registry.registerMetric(collected);
    };
    gauge("stele_alarms_pending", "Alarms that wait for a destination.", ({ pending }) => pending);
    gauge("stele_alarms_oldest_pending_age_seconds", "Age of the oldest alarm that waits; 0 when none does.", ({ oldest }) =>
      oldest === null ? 0 : Math.max(0, (now() - oldest) / 1000),
    );
    gauge("stele_alarms_dead_letters", "Dead letters that are kept.", ({ dead }) => dead);
    gauge("stele_alarm_destination_disabled", "1 when a destination answered that it wants no more.", ({ disabled }) =>
      disabled === null ? 0 : 1,
    );
    if (openFindings === undefined) return;
    const open = new Gauge({
      name: "stele_open_findings",
      help: "Findings that are open, by log and severity.",
      labelNames: ["log", "severity"],
      registers: [],
      collect() {
        this.reset();
        for (const { log, severity, count } of openFindings()) this.inc({ log, severity }, count);
      },
    });
    registry.registerMetric(open);
  }

  /**
   * Asks for the destinations' state whenever metrics are collected. Their counters stand at 0 from here on: a rate over a series
   * that begins with its first event would miss that one.
   */
  watch(status: () => readonly DestinationStatus[]): void {
    this.#status = status;
    for (const { name } of status()) {
      for (const counter of [this.#delivered, this.#failed, this.#dead]) counter.inc({ destination: name }, 0);
    }
  }

  taken({ kind, severity }: Alarm): void {
    this.#made.inc({ kind, severity });
  }

  delivered(destination: string): void {
    this.#delivered.inc({ destination });
  }

  failed(destination: string): void {
    this.#failed.inc({ destination });
  }

  dead(destination: string): void {
    this.#dead.inc({ destination });
  }
}
