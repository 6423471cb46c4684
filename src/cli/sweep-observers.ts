import { resolve } from "node:path";
import type { RuleFigures } from "../alert/rules/metrics.ts";
import type { EntryObserver } from "../sweep/observer.ts";
import type { Settings } from "./settings.ts";

export interface Observers {
  readonly observers: readonly EntryObserver[];
  /** What became of the rules since; null where there are none. */
  readonly rules: (() => RuleFigures) | null;
}

/**
 * Who looks at events in the head round: the rules of files that were named on the command line and in the configuration, and
 * what the configuration says of anomalies.
 * @throws SteleError `input.*` naming what is wrong in a rules file
 */
export async function readObservers({ configuration, folder }: Settings, files: readonly string[] = []): Promise<Observers> {
  const observers: EntryObserver[] = [];
  let figures: Observers["rules"] = null;
  const paths = [...files, ...(configuration.rules?.files ?? []).map((file) => resolve(folder, file))];
  if (paths.length > 0) {
    const { RuleObserver } = await import("../alert/rules/observer.ts");
    const { readRules } = await import("../alert/rules/rules-file.ts");
    const rules = await readRules(paths);
    const { maxAlarms } = configuration.rules ?? {};
    const observer = new RuleObserver(rules, maxAlarms === undefined ? {} : { perRule: maxAlarms });
    observers.push(observer);
    figures = () => observer.status();
  }
  if (configuration.anomalies !== undefined) {
    const { AnomalyObserver } = await import("../alert/anomaly/observer.ts");
    observers.push(new AnomalyObserver(configuration.anomalies));
  }
  return { observers, rules: figures };
}
