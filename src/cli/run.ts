import { EltError } from "../core/errors.ts";
import { parseArguments } from "./arguments.ts";
import { keepHeapSmall } from "./memory.ts";
import type { Command } from "./process.ts";
import { readRunConfig } from "./run/config.ts";
import { durationMs } from "./run/duration.ts";
import { withLock } from "./run/lock.ts";
import { loop } from "./run/loop.ts";
import { runOnce } from "./run/once.ts";

const ABOUT = `Runs tap-chorus into target-warehouse in one process, from one config file:

{"tap": {settings of tap-chorus}, "target": {settings of target-warehouse}, "run": {"lock": …, "metrics_file": …, "openlineage": {…}}}

Parts "transcripts" and "semarize" run tap-transcripts and tap-semarize after it. TAP_CHORUS_*, TARGET_WAREHOUSE_* and so on are looked at as these programs do. The state is read from the warehouse. Only one run at a time has the lock; another one ends with exit code 58, or waits.`;

/** `chorus-elt run`: one run, or with `--loop` one after the other. Throws what the run could not do. */
export async function run(argv: readonly string[], { env }: Command): Promise<void> {
  const options = await parseArguments(
    "chorus-elt run",
    argv,
    {
      config: { type: "string", describe: "Config file, JSON." },
      catalog: { type: "string", describe: "Catalog file that selects streams and properties of tap-chorus." },
      loop: { type: "string", describe: "Run again and again, beginning so far apart: 30s, 15m, 1h, 1d." },
      wait: { type: "string", describe: "Wait so long for another run to end. With --loop: without end by default." },
    },
    ABOUT,
  );
  if (options === undefined) return;
  const { config: path, catalog } = options;
  if (path === undefined) throw new EltError("USAGE", "run needs --config");
  const everyMs = options.loop === undefined ? undefined : durationMs("--loop", options.loop);
  const unlessAsked = everyMs === undefined ? 0 : Infinity;
  const waitMs = options.wait === undefined ? unlessAsked : durationMs("--wait", options.wait);
  const config = await readRunConfig(path);
  env.log.hide([process.env["OPENLINEAGE_API_KEY"] ?? ""]);
  keepHeapSmall();
  const lock = config.run.lock ?? `${path}.lock`;
  const once = () => withLock(lock, waitMs, env, () => runOnce({ path, config, catalog }, { env }));
  await (everyMs === undefined ? once() : loop(once, everyMs, env));
}
