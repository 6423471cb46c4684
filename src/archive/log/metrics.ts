import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { SteleError } from "../../core/error.ts";
import { toMillis } from "../../core/time.ts";
import type { AppenderStatus } from "./appender-options.ts";
import type { AckLevel, LogObserver } from "./observer.ts";

/** What is asked of a log whenever metrics are collected. */
export interface MeasuredLog {
  readonly name: string;
  status(): AppenderStatus | null;
}

const FIRST_NAME = "stele_appended_entries_total";
const ACKS: readonly AckLevel[] = ["spooled", "archived"];
const ACK_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const WORK_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * Metrics of the durable writer in a `prom-client` registry: one set a registry, labelled by log. Sizes are in bytes, times in
 * seconds.
 */
export class WriterMetrics {
  readonly #logs = new Set<MeasuredLog>();
  /** Logs with counters, closed ones as well. */
  readonly #counted = new Set<string>();
  readonly #appendedEntries: Counter<"log">;
  readonly #appendedBytes: Counter<"log">;
  readonly #ackSeconds: Histogram<"log" | "ack">;
  readonly #refused: Counter<"log" | "code">;
  readonly #sealSeconds: Histogram<"log">;
  readonly #uploadSeconds: Histogram<"log">;
  readonly #uploadedBytes: Counter<"log">;
  readonly #manifests: Counter<"log">;
  readonly #archivedEntries: Counter<"log">;
  readonly #retries: Counter<"log" | "code">;

  /**
   * @param now milliseconds since 1970
   * @throws SteleError `input.invalid` when the registry has these metrics already
   */
  constructor(registry: Registry, now: () => number) {
    if (registry.getSingleMetric(FIRST_NAME) !== undefined) {
      throw new SteleError(
        "input.invalid",
        "metrics: expected a registry of this archive's own, got one that holds an archive's metrics already; make a new one for each openArchive",
      );
    }
    const registers = [registry];
    const labelNames = ["log"] as const;
    const counter = (name: string, help: string): Counter<"log"> => new Counter({ name, help, labelNames, registers });
    this.#appendedEntries = counter(FIRST_NAME, "Entries that became durable in the spool.");
    this.#appendedBytes = counter("stele_appended_bytes_total", "Bytes of entries that became durable in the spool.");
    this.#ackSeconds = new Histogram({
      name: "stele_append_ack_seconds",
      help: "From append to its acknowledgement, by what it waited for.",
      labelNames: ["log", "ack"],
      buckets: ACK_SECONDS,
      registers,
    });
    this.#refused = new Counter({
      name: "stele_appends_refused_total",
      help: "Appends that were refused, by error code.",
      labelNames: ["log", "code"],
      registers,
    });
    const histogram = (name: string, help: string): Histogram<"log"> =>
      new Histogram({ name, help, labelNames, buckets: WORK_SECONDS, registers });
    this.#sealSeconds = histogram("stele_seal_seconds", "Reading a spool file back, hashing and compressing it.");
    this.#uploadSeconds = histogram("stele_upload_seconds", "Putting a segment and reading its lock back.");
    this.#uploadedBytes = counter("stele_uploaded_bytes_total", "Bytes of segments as stored.");
    this.#manifests = counter("stele_manifests_committed_total", "Manifests committed, heartbeats included.");
    this.#archivedEntries = counter("stele_archived_entries_total", "Entries whose manifest was committed.");
    this.#retries = new Counter({
      name: "stele_store_retries_total",
      help: "Times that archiving was put off since the store failed.",
      labelNames: ["log", "code"],
      registers,
    });
    const gauge = (name: string, help: string, value: (status: AppenderStatus) => number): void => {
      const logs = this.#logs;
      const collected = new Gauge({
        name,
        help,
        labelNames,
        registers: [],
        collect() {
          this.reset();
          for (const log of logs) {
            const status = log.status();
            if (status !== null) this.set({ log: log.name }, value(status));
          }
        },
      });
      registry.registerMetric(collected);
    };
    gauge("stele_spool_bytes", "Bytes in the spool: not archived yet.", ({ spooled }) => spooled.bytes);
    gauge("stele_spool_entries", "Entries in the spool: not archived yet.", ({ spooled }) => spooled.entries);
    gauge("stele_spool_oldest_age_seconds", "Age of the oldest entry that is not archived yet; 0 when all are.", ({ spooled }) =>
      spooled.oldest === null ? 0 : Math.max(0, (now() - toMillis(spooled.oldest)) / 1000),
    );
    gauge("stele_log_stopped", "1 when the log stopped at an error that does not go away by itself.", ({ state }) =>
      state === "stopped" ? 1 : 0,
    );
  }

  /**
   * Asks this log for its spool's state whenever metrics are collected. Its counters stand at 0 from here on: a rate over a
   * series that begins with its first event would miss that one.
   */
  watch(log: MeasuredLog): void {
    this.#logs.add(log);
    if (this.#counted.has(log.name)) return;
    this.#counted.add(log.name);
    const label = { log: log.name };
    for (const counter of [
      this.#appendedEntries,
      this.#appendedBytes,
      this.#uploadedBytes,
      this.#manifests,
      this.#archivedEntries,
    ]) {
      counter.inc(label, 0);
    }
    for (const ack of ACKS) this.#ackSeconds.zero({ ...label, ack });
    this.#sealSeconds.zero(label);
    this.#uploadSeconds.zero(label);
  }

  /** Its gauges disappear; what was counted stays. */
  unwatch(log: MeasuredLog): void {
    this.#logs.delete(log);
  }

  /** Counts what a log does, and passes it on to `next`. */
  observer(log: string, next: LogObserver): LogObserver {
    return {
      appended: (entries, bytes) => {
        this.#appendedEntries.inc({ log }, entries);
        this.#appendedBytes.inc({ log }, bytes);
        next.appended?.(entries, bytes);
      },
      acked: (ack, millis) => {
        this.#ackSeconds.observe({ log, ack }, millis / 1000);
        next.acked?.(ack, millis);
      },
      refused: (code) => {
        this.#refused.inc({ log, code });
        next.refused?.(code);
      },
      sealed: (millis, rawBytes, storedBytes) => {
        this.#sealSeconds.observe({ log }, millis / 1000);
        next.sealed?.(millis, rawBytes, storedBytes);
      },
      uploaded: (millis, storedBytes) => {
        this.#uploadSeconds.observe({ log }, millis / 1000);
        this.#uploadedBytes.inc({ log }, storedBytes);
        next.uploaded?.(millis, storedBytes);
      },
      committed: (commit) => {
        this.#manifests.inc({ log });
        this.#archivedEntries.inc({ log }, commit.manifest.entries.count);
        next.committed?.(commit);
      },
      retried: (error, waitMillis) => {
        this.#retries.inc({ log, code: error.code });
        next.retried?.(error, waitMillis);
      },
      stopped: (error) => next.stopped?.(error),
    };
  }
}
