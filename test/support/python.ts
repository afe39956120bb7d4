import { resolve } from "node:path";
import { pythonPrograms } from "../../src/cli/dbt/toolchain.ts";
import { asEltError } from "../../src/core/errors.ts";
import { silentLog } from "../../src/core/log.ts";

export type Environment =
  | "airbyte-protocol"
  | "airflow"
  | "containers"
  | "meltano"
  | "openlineage"
  | "pyairbyte"
  | "singer-peers"
  | "singer-tools";

/**
 * The `python` of an environment with what `test/support/python/<name>.lock` pins, kept in `.chorus-elt`; undefined where
 * there is no Python to make it with, which is said.
 */
export async function pythonWith(name: Environment): Promise<string | undefined> {
  const lock = resolve("test/support/python", `${name}.lock`);
  try {
    const programs = await pythonPrograms(`test-${name}`, lock, resolve("dbt/requirements-uv.lock"), silentLog);
    return resolve(programs, "python");
  } catch (error) {
    if (asEltError(error).code !== "TOOLCHAIN_MISSING") throw error;
    console.log(`Skipped: the tests with ${name}. ${asEltError(error).message}`);
    return undefined;
  }
}
