import { EltError } from "../core/errors.ts";
import { runCommand, type Command } from "./process.ts";
import { VERSION } from "./version.ts";

interface Subcommand {
  readonly words: string;
  readonly about: string;
  run(argv: readonly string[], command: Command): Promise<void>;
}

const NAME = "chorus-elt";

const SUBCOMMANDS: readonly Subcommand[] = [
  {
    words: "demo",
    about: "Load a sample account into a DuckDB file, twice, and show what is in it.",
    run: async (argv, command) => (await import("./demo.ts")).demo(argv, command),
  },
  {
    words: "run",
    about: "Load once, or with --loop again and again: both ends in one process, with a lock, metrics and lineage.",
    run: async (argv, command) => (await import("./run.ts")).run(argv, command),
  },
  {
    words: "sample-api",
    about: "Serve a sample Chorus account, and a sample Semarize, on this machine.",
    run: async (argv, command) => (await import("./sample-api.ts")).sampleApi(argv, command),
  },
  {
    words: "state show",
    about: "Print the state that was last committed together with its rows.",
    run: async (argv, command) => (await import("./state.ts")).stateShow(argv, command),
  },
  {
    words: "state convert",
    about: "Make states of the Airbyte protocol of a Singer state, or the other way round.",
    run: async (argv, command) => (await import("./state.ts")).stateConvert(argv, command),
  },
  {
    words: "replay",
    about: "Load what was put aside in _rejected, after the payload, the schema or a setting was corrected.",
    run: async (argv, command) => (await import("./replay.ts")).replayCommand(argv, command),
  },
  {
    words: "forget",
    about: "Erase a call or a person from the warehouse, and keep later loads from bringing them back.",
    run: async (argv, command) => (await import("./forget.ts")).forget(argv, command),
  },
  {
    words: "doctor",
    about: "Check config, token, access and warehouse, and say what to do about what is wrong.",
    run: async (argv, command) => (await import("./doctor.ts")).doctor(argv, command),
  },
  {
    words: "plan",
    about: "Say how many requests, hours and days a backfill takes, before it is begun.",
    run: async (argv, command) => (await import("./plan.ts")).plan(argv, command),
  },
  {
    words: "verify",
    about: "Compare the API with the warehouse, day by day; with --repair read again what differs.",
    run: async (argv, command) => (await import("./verify.ts")).verify(argv, command),
  },
  {
    words: "lateness",
    about: "Show how late calls appear in the API, and whether the look-back is long enough.",
    run: async (argv, command) => (await import("./lateness.ts")).lateness(argv, command),
  },
  {
    words: "dbt",
    about: "Build, test or document the models: dbt with the project and the settings that it needs.",
    run: async (argv, command) => (await import("./dbt.ts")).dbt(argv, command),
  },
  {
    words: "crash-matrix",
    about: "Kill the pipe wherever it may hurt, and prove that your database loses and doubles nothing.",
    run: async (argv, command) => (await import("./crash-matrix.ts")).crashMatrix(argv, command),
  },
];

/** `chorus-elt <command>`: what is neither a tap nor a target. */
export async function elt(argv: readonly string[]): Promise<void> {
  const found = SUBCOMMANDS.find(({ words }) => words.split(" ").every((word, i) => argv[i] === word));
  await runCommand(NAME, async (command) => {
    if (found !== undefined) {
      await found.run(argv.slice(found.words.split(" ").length), command);
      return;
    }
    if (argv[0] === "--version") return command.out.line(VERSION);
    await command.out.line(help());
    if (argv.length > 0 && argv[0] !== "--help") throw new EltError("USAGE", `there is no command "${argv[0] ?? ""}"`);
  });
}

function help(): string {
  const width = Math.max(...SUBCOMMANDS.map(({ words }) => words.length));
  const lines = SUBCOMMANDS.map(({ words, about }) => `  ${NAME} ${words.padEnd(width)}  ${about}`);
  return [
    `${NAME} ${VERSION}`,
    "",
    ...lines,
    "",
    `Each command has its own --help. See also: tap-chorus --help, target-warehouse --help`,
  ].join("\n");
}
