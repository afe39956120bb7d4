import type { Env } from "./env.ts";
import type { JsonSchema } from "./json.ts";
import type { FailureMessage, LogMessage, RecordMessage, State, StateMessage } from "./message.ts";
import type { Masks } from "./masks.ts";
import type { StreamStates } from "./stream-states.ts";
import type { Selection, Stream } from "./stream.ts";

/** What a source says; `core/read.ts` puts the schemas before it. */
export type SourceMessage = RecordMessage | StateMessage | FailureMessage | LogMessage;

/** Something that can be read. Config comes validated against `configSchema`, with its defaults filled in. */
export interface Source<Config> {
  readonly name: string;
  readonly configSchema: JsonSchema;
  readonly streams: readonly Stream[];
  /** Where each stream keeps a state of its own; `undivided` when absent. */
  readonly streamStates?: StreamStates;
  /** What becomes of its records before anything else sees them; absent when they stay as they are. */
  readonly masks?: Masks | undefined;
  /** One cheap request that proves the config; throws the EltError that a run would meet. */
  check(config: Config, env: Env): Promise<void>;
  /**
   * Records, and after every piece that is complete a state that covers all that came before it. A stream that fails
   * says so by a failure message and ends; the others go on. Throws only when nothing can go on.
   *
   * A promise holds even the schemas back: a source that reads the warehouse does that before the program behind it in
   * the pipe wants to write there.
   */
  read(
    config: Config,
    selection: readonly Selection[],
    state: State,
    env: Env,
  ): AsyncIterable<SourceMessage> | Promise<AsyncIterable<SourceMessage>>;
}
