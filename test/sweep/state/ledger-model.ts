import { isUnreadable } from "../../../src/archive/finding.ts";
import { alarmId, findingId } from "../../../src/sweep/alarm.ts";
import type { Place, RoundName } from "../../../src/sweep/place.ts";
import type { Found } from "../../../src/sweep/state/found.ts";
import { ORIGIN } from "./states.ts";

interface Open {
  readonly found: Found;
  readonly firstSeen: string;
  lastSeen: string;
  /** Place, and the rounds that saw it there. */
  seen: { readonly log: string; readonly block: number | null; rounds: RoundName[] }[];
  reminded: number;
  acknowledged: { readonly until: number | null } | null;
}

const HEADS = ["manifest.", "chain.", "checkpoint.", "object.", "log."];

/** The ledger's rules, said as plainly as can be: lists that are searched, and nothing kept twice. */
export class LedgerModel {
  readonly open: Open[] = [];
  readonly alarms: string[] = [];

  look(round: RoundName, place: Place, all: readonly Found[], readable: boolean, now: number): void {
    this.sight(round, place, all, now);
    if (!readable || all.some(isUnreadable)) return;
    for (const one of this.open.slice()) {
      if (all.some((other) => idOf(other) === idOf(one.found))) continue;
      one.seen = one.seen.filter((seen) => !this.#takesBack(round, place, one, seen));
      if (one.seen.length === 0) this.#close(one);
    }
  }

  sight(round: RoundName, place: Place, all: readonly Found[], now: number): void {
    for (const found of all) {
      let one = this.open.find((other) => idOf(other.found) === idOf(found));
      if (one === undefined) {
        one = { found, firstSeen: iso(now), lastSeen: iso(now), seen: [], reminded: 0, acknowledged: null };
        this.open.push(one);
        this.#tell("finding.opened", one, one.firstSeen);
      }
      one.lastSeen = iso(now);
      const block = place.block ?? (found.index === null || place.log === "" ? null : Math.floor(found.index / 256));
      const seen = one.seen.find((other) => other.log === place.log && other.block === block);
      if (seen === undefined) one.seen.push({ log: place.log, block, rounds: [round] });
      else if (!seen.rounds.includes(round)) seen.rounds.push(round);
    }
  }

  acknowledge(id: string, until: number | null, now: number): void {
    const one = this.open.find(({ found }) => idOf(found) === id);
    if (one === undefined) return;
    one.acknowledged = { until };
    this.#tell("finding.acknowledged", one, `${one.firstSeen} ${iso(now)}`);
  }

  remind(every: number, now: number): void {
    for (const one of this.open) {
      const due = Math.floor((now - Date.parse(one.firstSeen)) / every);
      const until = one.acknowledged?.until ?? null;
      if (one.acknowledged !== null) {
        if (until !== null && until <= now) {
          one.acknowledged = null;
          one.reminded = due;
          this.#tell("finding.opened", one, `${one.firstSeen} ${iso(until)}`);
        }
      } else if (due > one.reminded && isTold(one.found)) {
        one.reminded = due;
        this.#tell("finding.reminder", one, `${one.firstSeen} ${due}`);
      }
    }
  }

  #takesBack(round: RoundName, place: Place, { found }: Open, seen: Open["seen"][number]): boolean {
    if (seen.log !== place.log || seen.block !== place.block) return false;
    if (seen.rounds.includes(round)) return true;
    return seen.block !== null && seen.rounds.includes("head") && HEADS.some((start) => found.code.startsWith(start));
  }

  #close(one: Open): void {
    this.open.splice(this.open.indexOf(one), 1);
    this.#tell("finding.cleared", one, one.firstSeen);
  }

  #tell(kind: Parameters<typeof alarmId>[0], { found }: Open, episode: string): void {
    if (isTold(found)) this.alarms.push(alarmId(kind, idOf(found), episode));
  }
}

export function idOf(found: Found): string {
  return findingId(ORIGIN, found);
}

function isTold(found: Found): boolean {
  return found.severity !== "info" || found.code.endsWith(".unreadable");
}

function iso(millis: number): string {
  return new Date(millis).toISOString();
}
