import type { TestProject } from "vitest/node";
import { startCeph } from "../../scripts/ceph.ts";

/**
 * Gives the project's tests an S3 server: the one that the environment names (`STELE_TEST_S3` is set), or a Ceph that
 * runs as long as they do. A server that does not start fails the run.
 */
export default async function startServer(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (process.env["STELE_TEST_S3"] !== undefined) return undefined;
  const started = performance.now();
  const cluster = await startCeph({ port: 0, log: (line) => process.stderr.write(`ceph: ${line}\n`) });
  process.stderr.write(`ceph: ${cluster.endpoint} answers after ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
  // Only this project's workers learn of it: a unit test that reached a server would pass by accident.
  project.config.env = { ...project.config.env, ...cluster.env };
  return () => cluster.stop();
}
