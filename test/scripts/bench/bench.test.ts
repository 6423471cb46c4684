import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("../../../scripts/bench.ts", import.meta.url));

function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [SCRIPT, ...args], { encoding: "utf8" });
}

describe("npm run bench", () => {
  test("says what it measures", () => {
    const { status, stdout } = bench("--help");
    expect(status).toBe(0);
    for (const part of ["archive", "verify", "append", "requests", "growth"]) expect(stdout).toContain(`\n  ${part} `);
  });

  test.each([
    [["--runs", "0"], "--runs"],
    [["--runs", "two"], "--runs"],
    [["--only", "archive,everything"], "--only"],
    [["--manifests", "10"], "--manifests"],
    [["--bytes", "many"], "--bytes"],
    [["--wrong"], "--wrong"],
  ])("refuses %j before it measures anything", (args, named) => {
    const { status, stdout, stderr } = bench(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(named);
    expect(stderr).not.toContain("    at ");
    expect(stdout).toBe("");
  });
});
