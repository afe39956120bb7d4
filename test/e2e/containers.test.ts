import { execFile, spawn } from "node:child_process";
import { cp, mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { parse } from "yaml";
import manifest from "../../package.json" with { type: "json" };
import { temporaryFolder } from "../support/folder.ts";
import { pythonWith } from "../support/python.ts";
import { ended } from "./pipe.ts";

const DOCKERFILE = "containers/Dockerfile";
const exec = promisify(execFile);
const python = await pythonWith("containers");

/** The instructions of a stage, each in one line. */
async function stage(name: string): Promise<string[]> {
  const text = (await readFile(DOCKERFILE, "utf8")).replace(/^#.*\n/gm, "").replace(/\\\n\s*/g, "");
  const [, of = ""] = new RegExp(`^FROM .* AS ${name}\\n([^]*?)(?=^FROM |$(?![^]))`, "m").exec(text) ?? [];
  return of.split("\n").filter((line) => line !== "");
}

test.skipIf(python === undefined)("hadolint finds nothing in the Dockerfile", async () => {
  const { code, stdout } = await ended(spawn(join(dirname(python ?? ""), "hadolint"), [DOCKERFILE]));
  expect([code, stdout]).toEqual([0, ""]);
});

test("each image starts a program of the package, says so to Airbyte, and does not run as root", async () => {
  expect(await stage("programs")).toContain("USER 1000");
  const connectors = (await readdir("containers")).filter((name) => name !== "Dockerfile");
  expect(connectors.length).toBe(4);
  for (const name of connectors) {
    const { data } = parse(await readFile(`containers/${name}/metadata.yaml`, "utf8")) as {
      data: { dockerRepository: string; dockerImageTag: string };
    };
    expect(Object.keys(manifest.bin)).toContain(name);
    expect(data).toMatchObject({ dockerRepository: `chorus-elt/${name}`, dockerImageTag: manifest.version });
    expect(await stage(name)).toEqual([
      "ARG VERSION",
      `LABEL io.airbyte.name=chorus-elt/${name} io.airbyte.version=$VERSION`,
      `ENV AIRBYTE_ENTRYPOINT=${name}`,
      `ENTRYPOINT ["${name}"]`,
    ]);
  }
});

test.skipIf(python === undefined)("the metadata is as Airbyte's registry wants it", async () => {
  const connectors = (await readdir("containers")).filter((name) => name !== "Dockerfile");
  const documents = await Promise.all(
    connectors.map(async (name) => parse(await readFile(`containers/${name}/metadata.yaml`, "utf8")) as unknown),
  );
  const check = async (given: readonly unknown[]) => {
    const child = spawn(python ?? "", ["test/support/python/check_metadata.py"]);
    child.stdin.end(JSON.stringify(given));
    return ended(child);
  };
  const good = await check(documents);
  expect(good.code, good.stderr).toBe(0);
  expect((await check([{ metadataSpecVersion: "1.0", data: {} }])).code).not.toBe(0);
});

test("its steps make the package out of what is copied, and the programs of that package run", async () => {
  await using folder = await temporaryFolder();
  const build = join(folder.path, "build");
  await mkdir(build);
  for (const line of await stage("package")) {
    const [word = "", ...rest] = line.split(" ");
    if (word === "COPY") {
      for (const source of rest.slice(0, -1)) {
        const isFile = source.includes(".") || source === "LICENSE";
        await cp(source, isFile ? join(build, source) : join(build, rest.at(-1) ?? ""), { recursive: true });
      }
    } else if (line.startsWith("RUN npm ci")) {
      await symlink(resolve("node_modules"), join(build, "node_modules")); // has been done here
    } else if (word === "RUN") {
      await exec("sh", ["-c", rest.join(" ")], { cwd: build });
    }
  }
  const [tarball = ""] = (await readdir(build)).filter((name) => /^chorus-elt-.*\.tgz$/.test(name));
  const install = (await stage("programs")).find((line) => line.startsWith("RUN npm install"));
  const command = install?.slice("RUN ".length).replaceAll("/tmp/chorus-elt-*.tgz", join(build, tarball));
  // As root it would go below /usr.
  await exec("sh", ["-c", command?.split(" && ")[0] ?? ""], {
    env: { ...process.env, npm_config_prefix: folder.path },
  });
  const { stdout } = await exec(join(folder.path, "bin/source-chorus"), ["spec"]);
  expect(JSON.parse(stdout)).toMatchObject({ type: "SPEC" });
}, 120_000);
