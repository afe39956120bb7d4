import { errorLine, logLine } from "../../dialects/airbyte/message.ts";
import type { Out } from "../../io/out.ts";
import { processLog } from "../log.ts";
import { lastWords, type Voice } from "../process.ts";

/** Says everything on stdout, in messages of the Airbyte protocol. */
export function inAirbyte(name: string, out: Out): Voice {
  const log = processLog({
    name,
    environment: process.env,
    terminal: false,
    write: (text) => void out.line(text.trimEnd()),
    format: logLine,
  });
  return {
    log,
    failed(error) {
      lastWords(error, log); // some clients show the log and look past traces
      void out.line(log.scrubbed(errorLine(error, Date.now())));
    },
  };
}
