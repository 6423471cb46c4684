import Table from "cli-table3";
import { EXIT, type ExitCode } from "./exit.ts";
import { style, writeLine } from "./output.ts";
import type { SpoolState, SpoolStatus } from "./spool-list.ts";
import { count, counted, printable, size } from "./words.ts";

const COLOURS: Readonly<Record<SpoolState, "green" | "yellow" | "cyan" | "red" | "magenta" | "gray">> = {
  empty: "green",
  waiting: "yellow",
  "in use": "cyan",
  damaged: "red",
  unreadable: "magenta",
  "set aside": "gray",
};
const UNKNOWN = "?";

/** Damage outweighs what could not be looked at. */
export function spoolsExit(spools: readonly SpoolStatus[]): ExitCode {
  if (spools.some(({ state }) => state === "damaged")) return EXIT.unsound;
  return spools.some(({ state }) => state === "unreadable") ? EXIT.unknown : EXIT.sound;
}

export function printSpools(root: string, spools: readonly SpoolStatus[]): void {
  writeLine(style("bold", printable(root)));
  if (spools.length === 0) {
    writeLine("no spools: nothing waits here");
    return;
  }
  const table = new Table({
    head: ["log", "state", "entries", "bytes", "files", "oldest arrived", "last manifest"],
    colAligns: ["left", "left", "right", "right", "right", "left", "right"],
    style: { head: [], border: [] },
  });
  for (const { origin, state, entries, bytes, files, oldest, manifest } of spools) {
    const isKnown = state === "empty" || state === "waiting";
    table.push([
      printable(origin),
      style(COLOURS[state], state),
      entries === null ? UNKNOWN : count(entries),
      size(bytes),
      count(files),
      oldest ?? (isKnown ? "" : UNKNOWN),
      manifest === null ? (isKnown ? "none" : UNKNOWN) : count(manifest),
    ]);
  }
  writeLine(table.toString());
  for (const spool of spools) for (const line of explained(spool)) writeLine(printable(line));
}

function explained({ origin, folder, state, message, quarantined }: SpoolStatus): string[] {
  const lines: string[] = [];
  if (state === "waiting")
    lines.push(`${origin}: waits; archived by the next run that writes this log here, or: stele spool drain`);
  if (state === "in use") lines.push(`${origin}: another process has it open, and archives from it`);
  if (state === "set aside")
    lines.push(`${folder}: its entries were moved by stele spool drain --reindex; kept until somebody removes it`);
  if (state === "damaged") {
    lines.push(`${origin}: ${message ?? ""}`);
    lines.push(
      "  What is intact can still be archived: stele spool drain --quarantine sets the damage aside and records the loss",
    );
  }
  if (state === "unreadable") lines.push(`${origin}: could not be looked at: ${message ?? ""}`);
  if (quarantined > 0) lines.push(`${origin}: ${counted(quarantined, "damaged file")} kept in ${folder}/quarantine`);
  return lines;
}
