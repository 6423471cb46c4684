import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { AlarmsConfig } from "../../alert/config.ts";
import type { Outcome } from "../../alert/destination/destination.ts";
import { OUTBOX_NAME } from "../../alert/outbox/database.ts";
import { type DeliveryState, type Letter, letters } from "../../alert/outbox/letters.ts";
import { Outbox } from "../../alert/outbox/outbox.ts";
import { isSteleError, SteleError } from "../../core/error.ts";
import { parseOrigin } from "../../core/layout.ts";
import { timestamp } from "../../core/time.ts";
import { type Alarm, alarmId } from "../../sweep/alarm.ts";
import { EXIT } from "../exit.ts";
import { required, wholeNumber } from "../option-values.ts";
import { Remarks, style, writeJson, writeLine } from "../output.ts";
import { readSettings, type Settings } from "../settings.ts";
import { defaultSweepsFolder, sweepFolder } from "../sweep-state.ts";
import { counted, printable } from "../words.ts";

const STATE = "the folder of what sweeps remember (default: ~/.local/state/stele/sweep)";
const ORIGIN = "only of the archive with this origin";
const LIST_LIMIT = 100;
/** How long what is sent again is waited for. */
const RETRY_MILLIS = 60_000;
const COLOURS = { pending: "yellow", delivered: "green", dead: "red" } as const;

const LIST_EXAMPLES = `
Examples:
  $ stele alarms list
  $ stele alarms list --origin audit.acme.example --limit 10 --json
`;

const DEAD_EXAMPLES = `
An alarm is a dead letter where a destination refused it, or did not take it for as long as it was tried. It is kept for
90 days.

Examples:
  $ stele alarms dead
  $ stele alarms retry
`;

const RETRY_EXAMPLES = `
Without an ID all dead letters, but for those whose all-clear was delivered since. With --config they are sent now, unless
stele watch runs and does it.

Examples:
  $ stele alarms retry --config stele.yaml
  $ stele alarms retry 5d41402abc4b2a76b9719d911017c592
`;

const TEST_EXAMPLES = `
Each destination gets one alarm of kind test, whatever it is to get else. Ends with 3 where one did not take it.

Examples:
  $ stele alarms test --config stele.yaml
  $ stele alarms test --config stele.yaml --destination soc
`;

export function alarmsCommand(): CommandUnknownOpts {
  const alarms = new Command("alarms")
    .summary("look at alarms on their way, send dead letters again, try destinations")
    .description("Shows what became of alarms, and sends again what was not taken.");
  for (const command of [listCommand(), deadCommand(), retryCommand(), testCommand()]) alarms.addCommand(command);
  return alarms;
}

function listCommand(): CommandUnknownOpts {
  return new Command("list")
    .summary("show alarms and where they got to")
    .description("Shows the newest alarms of this machine, and what became of each at each destination.")
    .option("--origin <ORIGIN>", ORIGIN)
    .option("--state <DIR>", STATE)
    .option("--limit <N>", `at most so many (default: ${LIST_LIMIT})`, (text) => wholeNumber(text, "--limit"))
    .option("--json", "print one JSON object")
    .addHelpText("after", LIST_EXAMPLES)
    .action((flags) => show(["pending", "delivered", "dead"], flags));
}

function deadCommand(): CommandUnknownOpts {
  return new Command("dead")
    .summary("show alarms that were not taken, and why")
    .description("Shows the dead letters of this machine: alarms that a destination did not take, and why.")
    .option("--origin <ORIGIN>", ORIGIN)
    .option("--state <DIR>", STATE)
    .option("--limit <N>", `at most so many (default: ${LIST_LIMIT})`, (text) => wholeNumber(text, "--limit"))
    .option("--json", "print one JSON object")
    .addHelpText("after", DEAD_EXAMPLES)
    .action((flags) => show(["dead"], flags));
}

interface ListFlags {
  readonly origin?: string | undefined;
  readonly state?: string | undefined;
  readonly limit?: number | undefined;
  readonly json?: true | undefined;
}

async function show(states: readonly DeliveryState[], flags: ListFlags): Promise<void> {
  const { limit = LIST_LIMIT } = flags;
  const found = (await outboxes(flags)).flatMap((folder) => letters(folder, states, limit));
  const shown = found.toSorted((a, b) => (a.taken < b.taken ? 1 : a.taken > b.taken ? -1 : 0)).slice(0, limit);
  if (flags.json === true) {
    writeJson({ ok: true, alarms: shown });
    return;
  }
  if (shown.length === 0) writeLine(states.includes("delivered") ? "no alarms" : "no dead letters");
  for (const letter of shown) for (const line of described(letter)) writeLine(line);
}

function described({ id, destination, state, attempts, taken, due, settled, why, alarm }: Letter): string[] {
  const when = state === "pending" ? `next try ${due ?? ""}` : `${state} ${settled ?? ""}`;
  const lines = [
    `${style("bold", id)}  ${taken}  ${alarm.severity}  ${alarm.kind}  ${printable(alarm.title)}`,
    `  ${destination}: ${style(COLOURS[state], state)}, ${counted(attempts, "attempt")}, ${when}`,
  ];
  if (why !== null) lines.push(`  ${printable(why)}`);
  return lines;
}

/** The folders of archives that alarms were taken for. */
async function outboxes({ origin, state }: Pick<ListFlags, "origin" | "state">): Promise<string[]> {
  if (origin !== undefined) return [sweepFolder(parseOrigin(origin), state)];
  const base = state ?? defaultSweepsFolder();
  const names = await readdir(base).catch((cause: unknown) => {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return [];
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SteleError("input.unreadable", `${base} can't be read: ${reason}`, { cause });
  });
  return names.map((name) => join(base, name)).filter((folder) => existsSync(join(folder, OUTBOX_NAME)));
}

function retryCommand(): CommandUnknownOpts {
  return new Command("retry")
    .summary("send dead letters again")
    .description("Puts dead letters back among what waits, from the beginning, and enables where they go.")
    .argument("[ID...]", "alarms, by their ids (default: all dead letters)")
    .option("--origin <ORIGIN>", ORIGIN)
    .option("--state <DIR>", STATE)
    .option("--config <FILE>", "read settings from FILE (YAML), and send now")
    .option("-q, --quiet", "print no remarks and no progress")
    .option("--json", "print one JSON object")
    .addHelpText("after", RETRY_EXAMPLES)
    .action(async (ids, flags) => {
      for (const id of ids) {
        if (!/^[0-9a-f]{32}$/.test(id)) {
          throw new SteleError(
            "input.invalid",
            `ID: expected 32 hex digits, as stele alarms dead shows them; got ${JSON.stringify(id.slice(0, 64))}`,
          );
        }
      }
      const settings = await readSettings({ config: flags.config });
      const remarks = new Remarks(flags);
      const total = { requeued: 0, overtaken: 0, delivered: 0 };
      for (const folder of (await outboxes(flags)).filter((one) => existsSync(join(one, OUTBOX_NAME)))) {
        const { requeued, overtaken } = requeue(folder, ids);
        total.requeued += requeued;
        total.overtaken += overtaken;
        if (requeued > 0) total.delivered += await sendNow(folder, settings, remarks);
      }
      if (total.requeued === 0 && ids.length > 0) {
        throw new SteleError("input.invalid", `no dead letter has the id ${ids.join(" or ")}; stele alarms dead lists them`);
      }
      if (total.overtaken > 0) {
        remarks.note(
          `${counted(total.overtaken, "dead letter")} left alone, as the all-clear was delivered since; name one to send it all the same`,
        );
      }
      if (flags.json === true) writeJson({ ok: true, ...total });
      else writeLine(`${counted(total.requeued, "alarm")} put back, ${total.delivered} delivered now`);
    });
}

function requeue(folder: string, ids: readonly string[]): { readonly requeued: number; readonly overtaken: number } {
  using outbox = Outbox.open(folder, Date.now);
  return outbox.requeue(ids.length === 0 ? null : ids);
}

/** Delivers what waits in a folder, unless another process does. @returns how many were delivered */
async function sendNow(folder: string, { configuration, folder: base }: Settings, remarks: Remarks): Promise<number> {
  const { alarms } = configuration;
  if (alarms === undefined) {
    remarks.note("the next stele watch or stele sweep sends them; with --config they are sent now");
    return 0;
  }
  const { Deliverer } = await import("../../alert/deliverer.ts");
  const { openDestinations } = await import("../../alert/destination/open.ts");
  let delivered = 0;
  try {
    // A textfile is of the metrics of the process that watches.
    const destinations = openDestinations(withoutTextfiles(alarms), { folder: base, env: process.env });
    using deliverer = await Deliverer.open(folder, alarms, {
      destinations,
      observer: {
        delivered: () => delivered++,
        failed: (destination, alarm, why) =>
          remarks.warn(`${destination} did not take ${alarm.id}: ${printable(why)}; it is tried again`),
        dead: (destination, alarm, why) =>
          remarks.warn(`${destination} did not take ${alarm.id}: ${printable(why)}; it is a dead letter`),
      },
    });
    await deliverer.drainFor(RETRY_MILLIS);
  } catch (error) {
    if (!isSteleError(error, "sweep.locked")) throw error;
    remarks.note("another process delivers from here, and sends them now");
  }
  return delivered;
}

function testCommand(): CommandUnknownOpts {
  return new Command("test")
    .summary("send a test alarm to each destination")
    .description("Sends one alarm of kind test to the destinations of a configuration, and says what came of it.")
    .option("--config <FILE>", "the configuration (YAML) that names the destinations (required)")
    .option("--destination <NAME>", "only to this one")
    .option("--json", "print one JSON object")
    .addHelpText("after", TEST_EXAMPLES)
    .action(async (flags) => {
      const { configuration, folder } = await readSettings({ config: required(flags.config, "--config") });
      const { alarms } = configuration;
      const known = (alarms?.destinations ?? []).map(({ name }) => name);
      const wanted = flags.destination === undefined ? known : known.filter((name) => name === flags.destination);
      if (alarms === undefined || wanted.length === 0) {
        throw new SteleError("input.invalid", `no destination to try: the configuration names ${known.join(", ") || "none"}`);
      }
      const { openDestinations } = await import("../../alert/destination/open.ts");
      const destinations = openDestinations(withoutTextfiles(alarms), { folder, env: process.env }).filter(({ name }) =>
        wanted.includes(name),
      );
      const results = await Promise.all(
        destinations.map(async (destination) => {
          const outcome = await destination.deliver(testAlarm(destination.name), Date.now(), new AbortController().signal);
          return { name: destination.name, outcome: outcome.kind, why: whyOf(outcome) };
        }),
      );
      const untried = wanted.filter((name) => !results.some((result) => result.name === name));
      const ok = results.every(({ outcome }) => outcome === "delivered");
      if (!ok) process.exitCode = EXIT.unknown;
      if (flags.json === true) {
        writeJson({ ok, destinations: results, untried });
        return;
      }
      for (const { name, outcome, why } of results) {
        writeLine(
          `${name}: ${style(outcome === "delivered" ? "green" : "red", outcome)}${why === null ? "" : `: ${printable(why)}`}`,
        );
      }
      for (const name of untried)
        writeLine(`${name}: not tried: a textfile holds metrics, and is written by stele watch and stele sweep`);
    });
}

function withoutTextfiles(alarms: AlarmsConfig): AlarmsConfig {
  return { ...alarms, destinations: alarms.destinations.filter(({ type }) => type !== "textfile") };
}

function testAlarm(destination: string): Alarm {
  const subject = `test ${randomUUID()}`;
  return {
    id: alarmId("test", subject, ""),
    kind: "test",
    severity: "info",
    at: timestamp(Date.now()),
    origin: "test.invalid",
    log: "",
    title: `Test of the destination ${destination}`,
    message: `Somebody ran stele alarms test on ${hostname()}. Nothing happened, and nothing is to be done.`,
    subject,
  };
}

function whyOf(outcome: Outcome): string | null {
  return outcome.kind === "delivered" ? null : outcome.why;
}
