import type { InferredOptionTypes, Options } from "yargs";
import { EltError } from "../core/errors.ts";
import { VERSION } from "./version.ts";

/**
 * Parses argv. `--help` and `--version` are answered here, on stdout, and give undefined: there is nothing to run.
 * Throws USAGE for an option that does not exist.
 */
export async function parseArguments<O extends Record<string, Options>>(
  name: string,
  argv: readonly string[],
  options: O,
): Promise<InferredOptionTypes<O> | undefined> {
  const { default: yargs } = await import("yargs");
  const answers: string[] = [];
  const parser = yargs()
    .scriptName(name)
    .usage("$0 [options]")
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
