import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { ErrorCode } from "../../../src/core/error.ts";
import { DATABASE_NAME } from "../../../src/sweep/state/database.ts";
import { stateFolder } from "../../../src/sweep/state/folder.ts";
import { refusal } from "../../core/refusal.ts";
import { alarmsOf, Clock, copyOf, found, openState, temporaryFolder } from "./states.ts";

const clock = new Clock();
const APP = { log: "app", block: null } as const;

/** A state with something in it, closed. */
function used(): { readonly folder: string; readonly file: string } {
  const folder = temporaryFolder();
  const state = openState(folder, clock);
  state.settle(
    "head",
    APP,
    Array.from({ length: 50 }, (_, i) => found("manifest.altered", i)),
    true,
  );
  state.close();
  return { folder, file: join(folder, DATABASE_NAME) };
}

function opening(folder: string, options: Parameters<typeof openState>[2] = {}): ErrorCode {
  return refusal(() => openState(folder, clock, options).isNew);
}

describe("a state that can't be read is not a new one", () => {
  test("kept and opened again, it is what it was", () => {
    const { folder } = used();
    const state = openState(folder, clock);
    expect(state.isNew).toBe(false);
    expect(state.ledger.count).toBe(50);
    expect(alarmsOf(state)).toHaveLength(50);
    expect(readdirSync(folder).filter((name) => name.includes(".new"))).toEqual([]);
  });

  test.each<readonly [string, (file: string) => void]>([
    ["emptied", (file) => truncateSync(file, 0)],
    ["cut off", (file) => truncateSync(file, 4096)],
    ["cut off within a page", (file) => truncateSync(file, 10_000)],
    ["other bytes", (file) => writeFileSync(file, "not a database at all, not one bit".repeat(1000))],
    [
      "a page overwritten",
      (file) => {
        const bytes = readFileSync(file);
        bytes.fill(0xff, 8192, 20_480);
        writeFileSync(file, bytes);
      },
    ],
    [
      "a database of something else",
      (file) => {
        rmSync(file);
        const db = new DatabaseSync(file);
        db.exec("CREATE TABLE facts (name TEXT PRIMARY KEY, value)");
        db.close();
      },
    ],
    [
      "of another release",
      (file) => {
        const db = new DatabaseSync(file);
        db.exec("PRAGMA user_version = 99");
        db.close();
      },
    ],
  ])("%s", (_, damage) => {
    const { folder, file } = used();
    damage(file);
    expect(opening(folder)).toBe("sweep.failed");
    expect(existsSync(file)).toBe(true);
  });

  test("a row that is no finding", () => {
    const { folder, file } = used();
    const db = new DatabaseSync(file);
    db.exec(`UPDATE findings SET finding = '{"code":"x"}' WHERE episode = 7`);
    db.close();
    const state = openState(folder, clock);
    expect(refusal(() => state.ledger.open())).toBe("sweep.failed");
    // Nor is anything concluded by a look that would have to know it.
    expect(refusal(() => state.settle("head", APP, [], true, { first: 0, end: 256 }))).toBe("sweep.failed");
    expect(alarmsOf(state)).toHaveLength(50);
  });

  test("gone, while its log of changes is still there", () => {
    const folder = temporaryFolder();
    openState(folder, clock).settle("head", APP, [found("log.truncated")], true);
    const copy = copyOf(folder);
    rmSync(join(copy, DATABASE_NAME));
    expect(opening(copy)).toBe("sweep.failed");
  });

  test("a folder that can't be made", () => {
    const { file } = used();
    expect(opening(join(file, "below"))).toBe("sweep.failed");
  });
});

describe("whose state it is", () => {
  test.each([{ origin: "audit.example/other" }, { place: "s3://elsewhere" }])("of %o: refused by name", (other) => {
    const { folder } = used();
    expect(opening(folder, other)).toBe("sweep.failed");
    expect(() => openState(folder, clock, other)).toThrow(/audit\.example\/prod in memory:/);
  });

  test("folders of archives don't meet", () => {
    expect(stateFolder("/s", "audit.example/prod")).toBe("/s/audit.example+prod");
  });
});

describe("one process at a time", () => {
  test("a second opening is refused, in this process and in another", () => {
    const { folder } = used();
    const state = openState(folder, clock);
    expect(opening(folder)).toBe("sweep.locked");
    const module = fileURLToPath(new URL("../../../src/sweep/state/state.ts", import.meta.url));
    const script =
      `import { SweepState } from ${JSON.stringify(module)};` +
      `try { SweepState.open(${JSON.stringify(folder)}, { origin: "audit.example/prod", place: "memory:", now: Date.now }); console.log("open") }` +
      ` catch (error) { console.log(error.code) }`;
    const other = (): string =>
      execFileSync(process.execPath, ["--conditions=stele-source", "--input-type=module", "-e", script], {
        encoding: "utf8",
      }).trim();
    expect(other()).toBe("sweep.locked");
    state.close();
    expect(other()).toBe("open");
  });
});

describe("a transaction", () => {
  test("of which a part failed is not kept, even when that was passed over", () => {
    const state = openState(temporaryFolder(), clock);
    expect(
      refusal(() =>
        state.atomically(() => {
          state.settle("head", APP, [found("log.truncated")], true);
          try {
            state.atomically(() => {
              throw new Error("no");
            });
          } catch {
            // Passed over.
          }
        }),
      ),
    ).toBe("sweep.failed");
    expect(state.ledger.open()).toEqual([]);
    expect(alarmsOf(state)).toEqual([]);
    expect(state.isNew).toBe(true);
  });

  test("can't wait for anything", () => {
    const state = openState(temporaryFolder(), clock);
    expect(() => state.atomically(() => Promise.resolve())).toThrow(TypeError);
    state.settle("head", APP, [], true);
    expect(state.isNew).toBe(false);
  });
});
