import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: [
      "test/support/googlesql-setup.ts",
      "test/support/postgres-setup.ts",
      "test/support/bigquery-setup.ts",
    ],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Real processes on two cores: two workers at a time.
    maxWorkers: 2,
    // Where it is set, as in many containers, each start of dbt and its tools would compile all their Python anew.
    env: { PYTHONDONTWRITEBYTECODE: "" },
    sequence: { sequencer: LongestFirst },
  },
});
