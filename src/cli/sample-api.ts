import { parseArguments } from "./arguments.ts";
import type { Command } from "./process.ts";

/** `chorus-elt sample-api`: a Chorus account on this machine, for trying things out and for tests. */
export async function sampleApi(argv: readonly string[], { env, out }: Command): Promise<void> {
  const options = await parseArguments("chorus-elt sample-api", argv, {
    port: { type: "number", default: 0, describe: "Port on 127.0.0.1; 0 takes a free one." },
    token: { type: "string", default: "sample-token", describe: "The token that clients must send." },
    corpus: {
      type: "string",
      conflicts: ["calls", "seed"],
      describe: "Serve the calls of this file (JSON lines, also gzipped).",
    },
    calls: { type: "number", describe: "How many calls to make up." },
    seed: { type: "number", describe: "Another seed makes up other calls." },
    quirks: { type: "string", describe: "Quirks to switch on, e.g. Q04,Q18." },
    rate: { type: "number", describe: "Requests a second before 429." },
  });
  if (options === undefined) return;
  const { runSampleApi } = await import("../sample/command.ts");
  const sample = {
    port: options.port,
    token: options.token,
    ...(options.corpus === undefined ? {} : { corpus: options.corpus }),
    ...(options.calls === undefined ? {} : { calls: options.calls }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.rate === undefined ? {} : { rate: options.rate }),
    quirks: options.quirks === undefined ? [] : options.quirks.split(",").map((quirk) => quirk.trim()),
  };
  await runSampleApi(sample, env, out);
}
