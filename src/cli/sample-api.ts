import { parseArguments } from "./arguments.ts";
import type { Command } from "./process.ts";

const words = (list: string | undefined) => (list === undefined ? [] : list.split(",").map((word) => word.trim()));

/** `chorus-elt sample-api`: a Chorus account and a Semarize workspace on this machine, for trying out and for tests. */
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
    "semarize-token": {
      type: "string",
      default: "smz_test_sample",
      describe: "The key that clients of Semarize must send.",
    },
    "semarize-latency": { type: "number", default: 50, describe: "How long an evaluation takes, milliseconds." },
    "semarize-quirks": { type: "string", describe: "Quirks of Semarize to switch on, e.g. S01,S08." },
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
    quirks: words(options.quirks),
    semarize: {
      token: options["semarize-token"],
      latencyMs: options["semarize-latency"],
      quirks: words(options["semarize-quirks"]),
    },
  };
  await runSampleApi(sample, env, out);
}
