import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { publint } from "publint";
import { afterAll, beforeAll, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { HAS_NODES, nodeOf, OTHER_NODES } from "../support/nodes.ts";
import { record, schema, state } from "../support/singer.ts";

const run = promisify(execFile);
const LONG_MS = 120_000;

/** The tarball is installed into this folder, as `npm install --global` does it. */
let folder = "";
const installed = () => join(folder, "lib/node_modules/chorus-elt");

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "chorus-elt-pack-"));
  // The bins were built by whoever runs the tests; packing would build them again under the other tests' feet.
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder]);
  const [tarball = ""] = await readdir(folder);
  await run("npm", ["install", "--global", "--prefix", folder, "--no-audit", "--no-fund", join(folder, tarball)], {
    cwd: folder,
  });
}, LONG_MS);

afterAll(() => rm(folder, { recursive: true, force: true }));

test("the packed tarball installs into an empty folder and its programs run there", async () => {
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
});

test("nothing is wrong with the package, by publint", async () => {
  const { messages } = await publint({ pkgDir: installed(), pack: false, strict: true });
  expect(messages).toEqual([]);
});

test.runIf(HAS_NODES).each(OTHER_NODES)(
  "the programs run on Node %s",
  async (version) => {
    const node = await nodeOf(version);
    const bin = (name: string) => join(installed(), "dist/bin", `${name}.js`);
    expect((await run(node, ["--version"])).stdout.trim()).toBe(`v${version}`);
    expect((await run(node, [bin("chorus-elt"), "--version"])).stdout.trim()).toBe(manifest.version);
    expect(JSON.parse((await run(node, [bin("tap-chorus"), "--discover"])).stdout)).toHaveProperty("streams");
    const path = join(folder, `${version}.duckdb`);
    const target = execFile(node, [bin("target-warehouse")], {
      env: { ...process.env, TARGET_WAREHOUSE_PATH: path },
    });
    let said = "";
    target.stdout?.on("data", (part: string) => (said += part));
    target.stdin?.end(
      [schema("s", { id: "integer" }, { keys: ["id"] }), record("s", { id: 1 }), state({ n: 1 }), ""].join("\n"),
    );
    expect((await once(target, "close"))[0]).toBe(0);
    expect(said).toBe('{"n":1}\n');
  },
  LONG_MS,
);
