import { AUTH_SCHEMES, BOUNDS, DATE_ENDS, FLAVOURS } from "../sample/options.ts";
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
    rate: { type: "number", conflicts: "rate-per-minute", describe: "Requests a second before 429." },
    "rate-per-minute": { type: "number", describe: "Requests a minute; beyond that 429 until the minute ends." },
    "rate-headers": { type: "boolean", default: false, describe: "Say in X-RateLimit-* how much is left." },
    auth: { choices: AUTH_SCHEMES, default: AUTH_SCHEMES[0], describe: "In which form the token must come." },
    flavours: { choices: FLAVOURS, default: FLAVOURS[0], describe: "Which flavours of the API to serve." },
    "limit-cap": { type: "number", default: 100, describe: "The most rows that a list gives at once." },
    "without-detail": { type: "boolean", default: false, describe: "Leave GET /api/v1/calls/{id} out." },
    bounds: { choices: BOUNDS, default: BOUNDS[0], describe: "Whether the end of a window belongs to it." },
    "date-end": { choices: DATE_ENDS, default: DATE_ENDS[0], describe: "What a date means as the end of a window." },
    "account-timezone": {
      type: "string",
      describe: "Dates and times without an offset are in this zone, e.g. America/New_York.",
    },
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
    ...(options["rate-per-minute"] === undefined ? {} : { ratePerMinute: options["rate-per-minute"] }),
    ...(options["account-timezone"] === undefined ? {} : { accountTimezone: options["account-timezone"] }),
    rateHeaders: options["rate-headers"],
    auth: options.auth,
    flavours: options.flavours,
    limitCap: options["limit-cap"],
    withoutDetail: options["without-detail"],
    bounds: options.bounds,
    dateEnd: options["date-end"],
    quirks: words(options.quirks),
    semarize: {
      token: options["semarize-token"],
      latencyMs: options["semarize-latency"],
      quirks: words(options["semarize-quirks"]),
    },
  };
  await runSampleApi(sample, env, out);
}
