import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { parse, stringify } from "yaml";
import manifest from "../../package.json" with { type: "json" };
import { describePostgres } from "../support/own-postgres.ts";
import { pythonWith } from "../support/python.ts";
import { count, expectTruth, place, query, sampleApi, TOKEN, type Api, type Place } from "./pipe.ts";

const LONG_MS = 240_000;
const exec = promisify(execFile);
const meltano = await pythonWith("meltano");
const peers = await pythonWith("singer-peers");

interface Plugin {
  readonly name: string;
  readonly [key: string]: unknown;
}
interface Project {
  readonly plugins: { readonly extractors: Plugin[]; readonly loaders: Plugin[] };
}

/** A Meltano project as in the example, with two peers beside our plugins, and our programs on the PATH. */
async function project(where: Place, api: Pick<Api, "url">, database: object = {}) {
  const file = parse(await readFile("examples/meltano/meltano.yml", "utf8")) as Project;
  const peer = (name: string, config: object) => ({
    name,
    namespace: name.replace("-", "_"),
    executable: join(dirname(peers ?? ""), name),
    capabilities: name.startsWith("tap") ? ["catalog", "discover", "state"] : [],
    settings: Object.keys(config).map((setting) => ({ name: setting })),
    config,
  });
  file.plugins.extractors.push(
    peer("tap-jsonl", { path: join(where.folder, "notes.jsonl"), stream_name: "notes", primary_keys: ["id"] }),
  );
  file.plugins.loaders.push(peer("target-postgres", database));
  const [folder, bins] = [join(where.folder, "meltano"), join(where.folder, "bin")];
  for (const one of [folder, bins]) await mkdir(one);
  await writeFile(join(folder, "meltano.yml"), stringify(file));
  for (const [name, path] of Object.entries(manifest.bin)) {
    await writeFile(join(bins, name), `#!/bin/sh\nexec "${process.execPath}" "${resolve(path)}" "$@"\n`);
    await chmod(join(bins, name), 0o755);
  }
  const env = {
    ...process.env,
    PATH: [bins, dirname(meltano ?? ""), process.env["PATH"] ?? ""].join(delimiter),
    MELTANO_SEND_ANONYMOUS_USAGE_STATS: "false",
    NO_COLOR: "1",
    TAP_CHORUS_API_URL: api.url,
    TAP_CHORUS_API_TOKEN: TOKEN,
    TAP_CHORUS_START_DATE: "2020-01-01",
    TAP_CHORUS_MAX_REQUESTS_PER_SECOND: "1000",
    TARGET_WAREHOUSE_PATH: where.database,
  };
  return async (...args: readonly string[]) => {
    const { stdout, stderr } = await exec("meltano", args, { cwd: folder, env, maxBuffer: 64_000_000 });
    expect(stdout + stderr).not.toContain(TOKEN);
    return { stdout, stderr };
  };
}

test.skipIf(meltano === undefined || peers === undefined)(
  "Meltano runs tap-chorus into target-warehouse by the example; the second run brings what is new and nothing else",
  async () => {
    await using api = await sampleApi("--calls", "30");
    await using where = await place(api);
    const run = await project(where, api);
    await run("run", "chorus");
    await expectTruth(where.database, await api.truth());
    const whole = count(await api.requests(), "/calls/");

    const { late = [] } = await api.change({ late: 2 });
    const { stderr } = await run("run", "chorus");
    await expectTruth(where.database, await api.truth());
    expect(late).toHaveLength(2);
    expect(count(await api.requests(), "/calls/")).toBeLessThan(whole / 4);
    expect(stderr, "our log, by Meltano's parser").toMatch(/tap-chorus.*calls/);

    const { stdout: states } = await run("state", "list");
    expect(states).toContain("prod:tap-chorus-to-target-warehouse");
    const { stdout: selected } = await run("select", "tap-chorus", "--list", "--all");
    expect(selected).toMatch(/\[selected *\] utterances\.text/);

    await writeFile(join(where.folder, "notes.jsonl"), `{"id":1,"note":"first"}\n{"id":2,"note":"second"}\n`);
    await run("run", "tap-jsonl", "target-warehouse");
    await run("run", "tap-jsonl", "target-warehouse");
    const notes = await query(where.database, "SELECT id, note FROM notes ORDER BY id");
    expect(notes.map(({ id, note }) => [Number(id), note])).toEqual([
      [1, "first"],
      [2, "second"],
    ]);
  },
  LONG_MS,
);

await describePostgres("Meltano with a peer's target", (server) => {
  test.skipIf(meltano === undefined || peers === undefined)(
    "tap-chorus into MeltanoLabs' target-postgres, twice, with state",
    async () => {
      await using api = await sampleApi("--calls", "8");
      await using where = await place(api);
      await using db = await server.database();
      const run = await project(where, api, {
        sqlalchemy_url: `postgresql+psycopg2://${server.user}@/${db.name}?host=${server.host}&port=${server.port}`,
        default_target_schema: "public",
      });
      await run("run", "tap-chorus", "target-postgres");
      const counts = async () => {
        const rows = await db.query(
          "SELECT (SELECT count(*) FROM calls) AS calls, (SELECT count(*) FROM utterances) AS utterances",
        );
        return Object.values(rows[0] ?? {}).map(Number);
      };
      const { calls } = await api.truth();
      const turns = Object.values(calls).reduce((sum, { utterances }) => sum + (utterances ?? 0), 0);
      expect(await counts()).toEqual([Object.keys(calls).length, turns]);
      await api.requests();
      await run("run", "tap-chorus", "target-postgres");
      expect(await counts()).toEqual([Object.keys(calls).length, turns]);
      expect(count(await api.requests(), "/transcript")).toBe(0);
    },
    LONG_MS,
  );
});
