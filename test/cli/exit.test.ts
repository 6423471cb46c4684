import { expect, test } from "vitest";
import { exitOfError, exitOfVerdict } from "../../src/cli/exit.ts";
import { type ErrorCode, SteleError } from "../../src/core/error.ts";

test.each<[ErrorCode, number]>([
  ["input.invalid", 2],
  ["input.entry-too-large", 2],
  ["store.exists", 2],
  ["log.key", 2],
  ["spool.locked", 2],
  ["spool.damaged", 1],
  ["spool.full", 3],
  ["spool.failed", 3],
  ["log.closed", 2],
  ["format.key", 2],
  ["format.manifest", 1],
  ["format.segment", 1],
  ["format.description", 1],
  ["proof.signature", 1],
  ["proof.consistency", 1],
  ["log.unsound", 1],
  ["store.not-found", 3],
  ["store.denied", 3],
  ["store.unreachable", 3],
  ["store.unsupported", 3],
  ["log.fenced", 3],
  ["log.not-found", 3],
])("%s ends with %d", (code, exit) => {
  expect(exitOfError(new SteleError(code, ""))).toBe(exit);
});

test("a named file that is not there is wrong use; one that can't be read leaves it open", () => {
  const unreadable = (code?: string): number =>
    exitOfError(
      new SteleError("input.unreadable", "", code === undefined ? {} : { cause: Object.assign(new Error(), { code }) }),
    );
  expect(unreadable("ENOENT")).toBe(2);
  expect(unreadable("EISDIR")).toBe(2);
  expect(unreadable()).toBe(2);
  expect(unreadable("EACCES")).toBe(3);
  expect(unreadable("EIO")).toBe(3);
});

test("verdicts", () => {
  expect([exitOfVerdict("sound"), exitOfVerdict("unsound"), exitOfVerdict("unknown")]).toEqual([0, 1, 3]);
});
