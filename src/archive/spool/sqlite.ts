import type * as Sqlite from "node:sqlite";
import { SteleError } from "../../core/error.ts";

/**
 * Node's own SQLite. Node 22 and 24 warn once that it is experimental; what the spool uses of it is the same in all of
 * them, and the warning would stand in the output of every program that embeds this one.
 *
 * @throws SteleError `spool.failed` when this Node has none
 */
export function loadSqlite(): typeof Sqlite {
  const warn: unknown = Reflect.get(process, "emitWarning");
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (String(warning).includes("SQLite") || typeof warn !== "function") return;
    Reflect.apply(warn, process, [warning, ...rest]);
  };
  try {
    const found: typeof Sqlite | undefined = process.getBuiltinModule("node:sqlite");
    if (found !== undefined) return found;
  } finally {
    Reflect.set(process, "emitWarning", warn);
  }
  throw new SteleError(
    "spool.failed",
    `a spool needs Node's own SQLite (node:sqlite), which Node ${process.versions.node} does not have here; ` +
      `use Node 22.15 or later, without --no-experimental-sqlite`,
  );
}
