import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CRUISER = join(ROOT, "node_modules/dependency-cruiser/bin/dependency-cruiser.mjs");

const REPORT = z.object({
  modules: z.array(z.object({ source: z.string() })),
  summary: z.object({ violations: z.array(z.object({ rule: z.object({ name: z.string() }), from: z.string() })) }),
});

/** Checks the layers of the project in `root`; gives the modules seen, and each violation as `rule file`. */
async function cruise(root: string): Promise<{ modules: string[]; violations: string[] }> {
  const args = [CRUISER, "--config", ".dependency-cruiser.cjs", "--output-type", "json", "src"];
  const report = await new Promise<string>((resolve, reject) => {
    // It exits with the number of violations; the report says which.
    execFile(process.execPath, args, { cwd: root, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (stdout.startsWith("{")) resolve(stdout);
      else reject(new Error(`dependency-cruiser: ${stderr}`, { cause: error }));
    });
  });
  const { modules, summary } = REPORT.parse(JSON.parse(report));
  return {
    modules: modules.map(({ source }) => source),
    violations: summary.violations.map(({ rule, from }) => `${rule.name} ${from}`),
  };
}

test("the layer check sees the modules, those behind type imports and `imports` conditions too", async () => {
  const { modules } = await cruise(ROOT);
  expect(modules.filter((module) => module.startsWith("src/")).length).toBeGreaterThan(40);
  expect(modules).toEqual(expect.arrayContaining(["src/store/port.ts", "src/core/sha256/node.ts", "src/core/sha256/noble.ts"]));
});

const PLANTED: readonly [rule: string, file: string, text: string][] = [
  ["layer-core", "src/core/planted/value.ts", 'import "../../store/key.ts";'],
  ["layer-core", "src/core/planted/type.ts", 'import type { Store } from "../../store/port.ts";\nexport type Planted = Store;'],
  ["layer-store", "src/store/planted/dynamic.ts", 'export const planted = import("../../archive/planted/plain.ts");'],
  ["layer-archive", "src/archive/planted/door.ts", 'import "../../planted.ts";'],
  ["layer-sweep", "src/sweep/planted/sideways.ts", 'import "../../alert/planted/plain.ts";'],
  ["layer-console", "src/console/planted/store.ts", 'import "../../store/key.ts";'],
  ["nobody-imports-cli", "src/server/planted/cli.ts", 'import "../../cli/planted/plain.ts";'],
  ["known-layer", "src/archive/planted/utils.ts", 'import "../../utils/planted/plain.ts";'],
  ["core-packages", "src/core/planted/package.ts", 'import "yaml";'],
  [
    "core-packages",
    "src/core/planted/package-type.ts",
    'import type { S3Client } from "@aws-sdk/client-s3";\nexport type Planted = S3Client;',
  ],
  ["core-without-node", "src/core/planted/node.ts", 'import "node:crypto";'],
  ["console-without-node", "src/console/planted/node.ts", 'import "node:fs";'],
  ["src-alone", "src/archive/planted/test.ts", 'import "../../../test/planted/plain.ts";'],
  ["src-alone", "src/archive/planted/scripts.ts", 'import "../../../scripts/planted/plain.ts";'],
  ["no-dev-dependency", "src/store/planted/dev.ts", 'import "vitest";'],
  ["undeclared-package", "src/store/planted/undeclared.ts", 'import "@smithy/core";'],
  ["no-cycle", "src/core/planted/cycle.ts", 'import "./cycle2.ts";'],
  ["only-index-re-exports", "src/core/planted/re-export.ts", 'export { planted } from "./plain.ts";'],
  ["only-index-re-exports", "src/core/planted/barrel.ts", 'export * from "./plain.ts";'],
  ["resolvable", "src/core/planted/nowhere.ts", 'import "./nothing-here.ts";'],
];
const PLAIN = ["src/core", "src/archive", "src/alert", "src/cli", "src/utils", "test", "scripts"];

describe("the layer check finds what is planted into a copy:", () => {
  let copy = "";
  let violations: readonly string[] = [];
  beforeAll(async () => {
    copy = await mkdtemp(join(tmpdir(), "stele-layers-"));
    for (const name of ["src", "package.json", "tsconfig.json", ".dependency-cruiser.cjs"]) {
      await cp(join(ROOT, name), join(copy, name), { recursive: true });
    }
    await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
    const plant = async (file: string, text: string): Promise<void> => {
      await mkdir(dirname(join(copy, file)), { recursive: true });
      await writeFile(join(copy, file), text, { flag: "wx" });
    };
    for (const folder of PLAIN) await plant(`${folder}/planted/plain.ts`, "export const planted = 0;");
    await plant("src/planted.ts", "export const planted = 0;");
    await plant("src/core/planted/cycle2.ts", 'import "./cycle.ts";');
    for (const [, file, text] of PLANTED) await plant(file, text);
    ({ violations } = await cruise(copy));
  });
  afterAll(() => rm(copy, { recursive: true, force: true }));

  test.each(PLANTED)("%s in %s", (rule, file) => {
    expect(violations.filter((violation) => violation.endsWith(` ${file}`))).toContain(`${rule} ${file}`);
  });

  test("and nothing about files that keep to the rules", () => {
    expect(violations.filter((violation) => violation.endsWith("/plain.ts"))).toEqual([]);
    expect(violations.filter((violation) => violation.endsWith("src/core/sha256/noble.ts"))).toEqual([]);
  });
});
