import type { InferredOptionTypes, Options } from "yargs";
import { EltError } from "../core/errors.ts";
import { VERSION } from "./version.ts";

/**
 * Parses argv. `--help` and `--version` are answered here, on stdout, and give undefined: there is nothing to run.
 * Throws USAGE for an option that does not exist. `about` is said by `--help`, above the options.
 */
export async function parseArguments<O extends Record<string, Options>>(
  name: string,
  argv: readonly string[],
  options: O,
  about?: string,
): Promise<InferredOptionTypes<O> | undefined> {
  const plain = plainArguments(argv, options);
  if (plain !== undefined) return plain as InferredOptionTypes<O>;
  const { default: yargs } = await import("yargs");
  const answers: string[] = [];
  const parser = yargs()
    .scriptName(name)
    .usage(about === undefined ? "$0 [options]" : `$0 [options]\n\n${about}`)
    .options(options)
    .version(VERSION)
    .help()
    .strict()
    .parserConfiguration({ "greedy-arrays": false, "boolean-negation": false })
    .exitProcess(false)
    .fail(false);
  let parsed: InferredOptionTypes<O>;
  try {
    parsed = (await parser.parse([...argv], {}, (_error, _parsed, output) => {
      if (output !== "") answers.push(output);
    })) as unknown as InferredOptionTypes<O>;
  } catch (cause) {
    throw new EltError("USAGE", cause instanceof Error ? cause.message : String(cause), { cause });
  }
  if (answers.length === 0) return parsed;
  process.stdout.write(`${answers.join("\n")}\n`);
  return undefined;
}

/**
 * What yargs would make of `--name value` pairs of texts, or undefined when there is anything else in argv. Scheduled
 * runs say no more than that, and yargs takes a tenth of a second-long run to load.
 */
function plainArguments(
  argv: readonly string[],
  options: Record<string, Options>,
): Record<string, unknown> | undefined {
  const parsed: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    if (option.demandOption !== undefined || option.conflicts !== undefined || name.includes("-")) return undefined;
    parsed[name] = option.default;
  }
  for (let i = 0; i < argv.length; i += 2) {
    const [, name = ""] = /^--([a-z]+)$/.exec(argv[i] ?? "") ?? [];
    const value = argv[i + 1];
    const option = options[name];
    if (option?.type !== "string" || value === undefined || value.startsWith("-")) return undefined;
    if (option.array === true) parsed[name] = [...((parsed[name] as string[] | undefined) ?? []), value];
    else if (parsed[name] === undefined) parsed[name] = value;
    else return undefined;
  }
  return parsed;
}
