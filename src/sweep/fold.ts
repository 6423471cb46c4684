import type { Acknowledgement, FindingRecord } from "./finding-record.ts";
import type { ReportedHead, ReportedPass, RoundReport, StateEntry, SweepEntry } from "./report.ts";

/** What the log of sweeps adds up to. */
export interface Folded {
  readonly logs: readonly ReportedHead[];
  readonly passes: readonly ReportedPass[];
  readonly findings: readonly FindingRecord[];
}

/** Adds up entries of `_sweeps`, from a `state` on or from the log's beginning, in their order. */
export class Fold {
  readonly #logs = new Map<string, ReportedHead>();
  /** The finished and the current one of each. */
  readonly #finished = new Map<string, ReportedPass>();
  readonly #current = new Map<string, ReportedPass>();
  readonly #open = new Map<string, FindingRecord>();
  /** A finding that one machine closed and another still sees is open. */
  readonly #closed = new Map<string, FindingRecord>();

  add(entry: SweepEntry): void {
    if (entry.kind === "report") this.#addReport(entry);
    else if (entry.kind === "state") this.#addState(entry);
    else this.#acknowledge(entry.finding, entry.firstSeen, entry.acknowledgement);
  }

  get result(): Folded {
    return {
      logs: [...this.#logs.values()],
      passes: [...this.#finished.values(), ...this.#current.values()],
      findings: [...this.#open.values()],
    };
  }

  #addState({ logs, passes, findings }: StateEntry): void {
    for (const log of logs) this.#addHead(log);
    for (const pass of passes) this.#addPass(pass);
    for (const found of findings) this.#addFinding(found);
  }

  #addReport({ round, shard, logs, opened, closed, open }: RoundReport): void {
    for (const { log, head, pass } of logs) {
      if (head !== null) this.#addHead(head);
      if (pass !== null) this.#addPass({ round, log, shard, ...pass });
    }
    for (const { id, firstSeen } of closed) {
      const found = this.#open.get(id);
      if (found === undefined || found.firstSeen > firstSeen) continue;
      this.#open.delete(id);
      this.#closed.set(id, found);
    }
    // One that was opened and closed since the last report stands in both lists.
    const isOver = (found: FindingRecord): boolean =>
      closed.some(({ id, firstSeen }) => id === found.id && firstSeen === found.firstSeen);
    for (const found of opened) if (!isOver(found)) this.#addFinding(found);
    for (const id of open.ids) {
      const found = this.#closed.get(id);
      if (found === undefined || closed.some((one) => one.id === id)) continue;
      this.#closed.delete(id);
      this.#open.set(id, found);
    }
  }

  /** The largest head counts: a machine that lags behind takes nothing back. */
  #addHead(head: ReportedHead): void {
    const before = this.#logs.get(head.log);
    if (before === undefined || head.size >= before.size) this.#logs.set(head.log, head);
  }

  #addPass(pass: ReportedPass): void {
    const key = JSON.stringify([pass.round, pass.log, pass.shard]);
    if (pass.finished === null) this.#current.set(key, pass);
    else {
      this.#finished.set(key, pass);
      if (this.#current.get(key)?.started === pass.started) this.#current.delete(key);
    }
  }

  #addFinding(found: FindingRecord): void {
    this.#closed.delete(found.id);
    const before = this.#open.get(found.id);
    // Two machines that saw the same tell of it under the earlier time: by that, alarms are the same.
    if (before !== undefined && before.firstSeen < found.firstSeen) return;
    // What one machine writes down may be older than what another was told.
    const acknowledged = found.acknowledged ?? (before?.firstSeen === found.firstSeen ? before.acknowledged : null);
    this.#open.set(found.id, { ...found, acknowledged });
  }

  #acknowledge(id: string, firstSeen: string, acknowledged: Acknowledgement): void {
    const found = this.#open.get(id);
    if (found !== undefined && found.firstSeen <= firstSeen) this.#open.set(id, { ...found, acknowledged });
  }
}
