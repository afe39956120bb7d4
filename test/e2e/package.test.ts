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
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
