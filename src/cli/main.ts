#!/usr/bin/env node
// Nothing is imported before the version is known: an older Node would fail on an import, with a message that helps no one.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const hasZstd = major > 23 || (major === 23 && minor >= 8) || (major === 22 && minor >= 15);

if (hasZstd) {
  const { run } = await import("./run.ts");
  await run(process.argv.slice(2));
} else {
  process.stderr.write(`stele: expected Node 22.15 or later (23.8 or later of 23), this is ${process.version}\n`);
  process.exitCode = 2;
}
