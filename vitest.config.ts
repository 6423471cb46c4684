import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["stele-source"] },
  ssr: { resolve: { conditions: ["stele-source"], externalConditions: ["stele-source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    execArgv: ["--conditions=stele-source"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
