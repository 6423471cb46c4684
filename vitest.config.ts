import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// With a profile set, the SDK would prefer it to the keys that a test names.
delete process.env["AWS_PROFILE"];

const shared = {
  resolve: { conditions: ["stele-source"] },
  ssr: { resolve: { conditions: ["stele-source"], externalConditions: ["stele-source"] } },
};
const limits = {
  pool: "forks" as const,
  execArgv: ["--conditions=stele-source"],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

// A test file that needs the S3 server is named `*.ceph.test.ts`; the server is started when one of them is to run.
export default defineConfig({
  ...shared,
  test: {
    // Much of what is tested waits: for a disk, a server, another process.
    maxWorkers: Math.max(2, availableParallelism()),
    projects: [
      {
        ...shared,
        test: { name: "unit", include: ["test/**/*.test.ts"], exclude: ["test/**/*.ceph.test.ts"], ...limits },
      },
      {
        ...shared,
        test: { name: "ceph", include: ["test/**/*.ceph.test.ts"], globalSetup: ["test/setup/ceph.ts"], ...limits },
      },
    ],
  },
});
