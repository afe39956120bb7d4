import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/support/postgres-setup.ts",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Real processes on two cores: two workers at a time.
    maxWorkers: 2,
  },
});
