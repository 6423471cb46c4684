import { resolve } from "node:path";
import type { EntryObserver } from "../sweep/observer.ts";
import type { Settings } from "./settings.ts";

/**
 * Who looks at events in the head round: the rules of files that were named on the command line and in the configuration, and
 * what the configuration says of anomalies.
 * @throws SteleError `input.*` naming what is wrong in a rules file
 */
export async function readObservers(
  { configuration, folder }: Settings,
  files: readonly string[] = [],
): Promise<EntryObserver[]> {
  const observers: EntryObserver[] = [];
  const paths = [...files, ...(configuration.rules?.files ?? []).map((file) => resolve(folder, file))];
  if (paths.length > 0) {
    const { RuleObserver } = await import("../alert/rules/observer.ts");
    const { readRules } = await import("../alert/rules/rules-file.ts");
    const rules = await readRules(paths);
    const { maxAlarms } = configuration.rules ?? {};
    observers.push(new RuleObserver(rules, maxAlarms === undefined ? {} : { perRule: maxAlarms }));
  }
  if (configuration.anomalies !== undefined) {
    const { AnomalyObserver } = await import("../alert/anomaly/observer.ts");
    observers.push(new AnomalyObserver(configuration.anomalies));
  }
  return observers;
}
