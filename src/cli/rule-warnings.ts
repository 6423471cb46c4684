import type { RulesStatus } from "../alert/rules/rule-set.ts";
import type { Remarks } from "./output.ts";
import { count, counted, printable } from "./words.ts";

/** Says which rules failed, and what they did not see: neither may look like events that nothing is wrong with. */
export function warnOfRules({ notJson, tooLarge, rules }: Omit<RulesStatus, "events">, remarks: Remarks): void {
  const unseen = (n: number, why: string): void => {
    if (n > 0) remarks.warn(`${why}: ${counted(n, "entry", "entries")}, which rules on event did not see`);
  };
  unseen(notJson, "no JSON object");
  unseen(tooLarge, "too long to be parsed");
  for (const { rule, evaluated, errors, lastError } of rules) {
    if (lastError === null) continue;
    remarks.warn(
      `${rule} failed on ${count(errors)} of ${counted(evaluated, "event")}, last on entry ${lastError.index}: ${printable(lastError.message)}`,
    );
  }
}
