import type { JsonObject } from "../../core/json.ts";
import type { Stream } from "../../core/stream.ts";
import type { RunAnswer } from "./answer.ts";

/** A row of `semarize_runs`, or as much of it as is known when a run is sent. */
export type RunRow = JsonObject & { readonly run_id: string; readonly call_id: string; readonly kit: string };

/** A run as a stream sees it: its row of `semarize_runs`, and what the API answered. */
interface EvaluationRun {
  readonly row: RunRow;
  readonly answer: RunAnswer;
}

/** A stream of the tap: its rows of one run, a pure mapping. Its schema is `schemas/<name>.json`. */
export interface SemarizeStream extends Omit<Stream, "schema"> {
  rows(run: EvaluationRun): readonly JsonObject[];
}

/** For the types; a stream is plain data. */
export function defineStream(stream: SemarizeStream): SemarizeStream {
  return stream;
}
