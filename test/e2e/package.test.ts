import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };

const run = promisify(execFile);

test("the packed tarball installs into an empty folder and its programs run there", async () => {
  const folder = await mkdtemp(join(tmpdir(), "chorus-elt-pack-"));
  try {
    // The bins were built by whoever runs the tests; packing would build them again under the other tests' feet.
    await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder]);
    const [tarball = ""] = await readdir(folder);
    await run("npm", ["install", "--global", "--prefix", folder, "--no-audit", "--no-fund", join(folder, tarball)], {
      cwd: folder,
    });
    for (const name of Object.keys(manifest.bin)) {
      const { stdout } = await run(join(folder, "bin", name), ["--version"], { cwd: folder });
      expect(stdout.trim()).toBe(manifest.version);
    }
    const { stdout } = await run(join(folder, "bin", "tap-chorus"), ["--discover"], { cwd: folder });
    expect(JSON.parse(stdout)).toHaveProperty("streams");
    const loaded = await run(join(folder, "bin", "target-warehouse"), ["--test"], { cwd: folder });
    expect(loaded.stderr).toContain("can be written");
    // BigQuery's driver is in the bundle: it is what looks for a project and finds none.
    const environment = { ...process.env, TARGET_WAREHOUSE_DESTINATION: "bigquery", HOME: folder };
    for (const name of ["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS"]) {
      Reflect.deleteProperty(environment, name);
    }
    const alone = run(join(folder, "bin", "target-warehouse"), ["--test"], { cwd: folder, env: environment });
    await expect(alone).rejects.toMatchObject({
      code: 11,
      stderr: expect.stringContaining("no project is known") as string,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
