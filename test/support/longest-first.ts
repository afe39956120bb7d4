import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * How long files take on two cores, in rough seconds; those of less than 15 are left out. Renew it when a file has become
 * twice as long: `npm test` prints the time of each.
 */
const SECONDS: Readonly<Record<string, number>> = {
  "test/destinations/bigquery.test.ts": 400,
  "test/dbt/project.test.ts": 180,
  "test/e2e/crash-matrix.test.ts": 235,
  "test/dbt/parity.test.ts": 170,
  "test/e2e/semarize.test.ts": 155,
  "test/dbt/bigquery.test.ts": 100,
  "test/e2e/airflow.test.ts": 95,
  "test/e2e/bigquery.test.ts": 110,
  "test/e2e/meltano.test.ts": 55,
  "test/cli/forget.test.ts": 50,
  "test/e2e/quirks.test.ts": 120,
  "test/sources/quirks.test.ts": 115,
  "test/sources/model.test.ts": 95,
  "test/destinations/duckdb.test.ts": 90,
  "test/e2e/kill.test.ts": 70,
  "test/destinations/bigquery-failures.test.ts": 65,
  "test/destinations/bigquery-tables.test.ts": 50,
  "test/sources/budget.test.ts": 50,
  "test/e2e/pyairbyte.test.ts": 45,
  "test/e2e/airbyte.test.ts": 40,
  "test/cli/batch.test.ts": 35,
  "test/cli/verify.test.ts": 35,
  "test/destinations/postgres.test.ts": 35,
  "test/destinations/postgres-failures.test.ts": 35,
  "test/cli/replay.test.ts": 30,
  "test/cli/run.test.ts": 30,
  "test/cli/dbt.test.ts": 25,
  "test/e2e/privacy.test.ts": 20,
  "test/e2e/package.test.ts": 20,
  "test/cli/target.test.ts": 25,
  "test/e2e/airbyte-destination.test.ts": 25,
  "test/http/pacing.test.ts": 25,
  "test/dbt/goldens.test.ts": 20,
  "test/cli/doctor.test.ts": 20,
  "test/destinations/postgres-grants.test.ts": 20,
  "test/destinations/postgres-connect.test.ts": 15,
  "test/destinations/postgres-tables.test.ts": 15,
  "test/e2e/main-job.test.ts": 15,
};

/**
 * Starts the longest files first, so that none of them runs alone at the end; the others keep the order of vitest, which in
 * a fresh clone knows no times but only sizes.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const seconds = ({ moduleId }: TestSpecification): number =>
      SECONDS[relative(this.ctx.config.root, moduleId).replaceAll("\\", "/")] ?? 0;
    return (await super.sort(files)).sort((a, b) => seconds(b) - seconds(a));
  }
}
