import type { Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import { printJson } from "../../core/json.ts";
import type { Log } from "../../core/log.ts";
import type { RecordMessage, State } from "../../core/message.ts";
import { read } from "../../core/read.ts";
import type { Source } from "../../core/source.ts";
import { undivided, type StreamStates } from "../../core/stream-states.ts";
import { READ_AT, type ConfiguredStream } from "./catalog.ts";
import { errorLine, estimateLine, recordLine, statusLine, streamStateLine } from "./message.ts";
import { joined, printStreamState, type StreamState } from "./states.ts";

/** States of all streams are said again only once records of so many times their size were. */
const RECORDS_PER_STATE = 2;

/**
 * What a source says to `read`, line by line. Streams in full refresh are read first, from their beginning, and those in
 * incremental mode after them, so that neither hands the other what it does not want. Returns what kept streams from
 * being read whole; throws what ended the run, when all streams have got their last status.
 */
export async function* speak<Config>(
  source: Source<Config>,
  config: Config,
  configured: readonly ConfiguredStream[],
  given: ReadonlyMap<string, StreamState>,
  env: Env,
): AsyncGenerator<string, EltError[]> {
  const failures: EltError[] = [];
  let checkpoint = Math.max(0, ...[...given.values()].map((one) => one.checkpoint));
  for (const mode of ["full_refresh", "incremental"] as const) {
    const streams = configured.filter((one) => one.mode === mode);
    if (streams.length === 0) continue;
    const pass = new Pass(source, streams, mode === "full_refresh", checkpoint, env);
    yield* pass.read(config, given);
    failures.push(...pass.failures);
    checkpoint = pass.checkpoint;
  }
  return failures;
}

/** One reading of streams in one mode. */
class Pass<Config> {
  readonly failures: EltError[] = [];
  checkpoint: number;
  readonly #source: Source<Config>;
  readonly #streams: readonly ConfiguredStream[];
  readonly #names: readonly string[];
  readonly #isRefresh: boolean;
  readonly #parts: StreamStates;
  readonly #env: Env;
  readonly #running = new Set<string>();
  readonly #incomplete = new Set<string>();
  /** Records of each stream since its last state. */
  readonly #records = new Map<string, number>();
  readonly #said = new Map<string, string>();
  /** The newest state that was not said yet. */
  #waiting: State | undefined;
  /** Characters of records since the last states, and of these. */
  #recordSize = 0;
  #stateSize = 0;
  /** Lines that came up while the source was at work. */
  readonly #aside: string[] = [];

  constructor(
    source: Source<Config>,
    streams: readonly ConfiguredStream[],
    isRefresh: boolean,
    checkpoint: number,
    env: Env,
  ) {
    this.#source = source;
    this.#streams = streams;
    this.#names = streams.map(({ selection }) => selection.stream.name);
    this.#isRefresh = isRefresh;
    this.#parts = source.streamStates ?? undivided;
    this.checkpoint = checkpoint;
    this.#env = env;
  }

  async *read(config: Config, given: ReadonlyMap<string, StreamState>): AsyncGenerator<string, void> {
    const { clock, log, signal } = this.#env;
    // A refresh that came to its end is done; the next one begins anew, whatever states are handed to it.
    const usable = this.#isRefresh ? new Map([...given].filter(([, { refreshing }]) => refreshing)) : given;
    const state = joined(usable, this.#names, this.#parts);
    const selections = this.#streams.map(({ selection }) => selection);
    for (const name of this.#names) yield statusLine({ name }, "STARTED", clock.now());
    try {
      const env = { ...this.#env, log: this.#listening(log) };
      for await (const message of read(this.#source, config, selections, state, env)) {
        if (this.#aside.length > 0) yield* this.#aside.splice(0);
        switch (message.type) {
          case "record":
            yield* this.#record(message);
            break;
          case "state":
            this.#waiting = message.state;
            if (message.isUnfinished === true && this.#isRefresh) yield* this.#leaveUnfinished();
            if (this.#recordSize >= RECORDS_PER_STATE * this.#stateSize) yield* this.#sayStates(true);
            break;
          case "failure":
            this.failures.push(message.error);
            this.#incomplete.add(message.stream);
            yield errorLine(inStream(message.error, message.stream), clock.now());
            break;
          case "log":
            log[message.level](message.text);
            break;
          case "schema":
          case "activate-version":
            break; // the catalog has said it
        }
      }
      yield* this.#aside.splice(0);
      if (signal.aborted) for (const name of this.#names) this.#incomplete.add(name);
      else if (this.#said.size === 0) this.#waiting ??= state; // each stream says one, also when nothing is new
      yield* this.#sayStates(false);
    } catch (error) {
      for (const name of this.#names) this.#incomplete.add(name);
      yield* this.#sayStates(true);
      yield* this.#ends();
      throw error;
    }
    yield* this.#ends();
  }

  *#record({ stream, record, extractedAt, clears }: RecordMessage): Generator<string> {
    const now = extractedAt ?? this.#env.clock.now();
    if (!this.#running.has(stream)) {
      this.#running.add(stream);
      yield statusLine({ name: stream }, "RUNNING", now);
    }
    const text = recordLine(stream, { ...record, [READ_AT]: new Date(now).toISOString() }, now, clears);
    this.#records.set(stream, (this.#records.get(stream) ?? 0) + 1);
    this.#recordSize += text.length;
    yield text;
  }

  /** Says of every stream how far it has come; one for which nothing has changed since it said so says nothing. */
  *#sayStates(isOnTheWay: boolean): Generator<string> {
    const state = this.#waiting;
    if (state === undefined) return;
    this.#waiting = undefined;
    this.checkpoint++;
    this.#recordSize = 0;
    this.#stateSize = 0;
    for (const name of this.#names) {
      const refreshing = this.#isRefresh && (isOnTheWay || this.#incomplete.has(name));
      const part = { refreshing, state: this.#parts.cut(state, name) };
      const text = printJson(part);
      this.#stateSize += text.length;
      const records = this.#records.get(name) ?? 0;
      if (this.#said.get(name) === text && records === 0) continue;
      this.#said.set(name, text);
      this.#records.set(name, 0);
      yield streamStateLine(name, printStreamState({ checkpoint: this.checkpoint, ...part }), records);
    }
  }

  /** A refresh that is only partly read must not take the place of what was loaded before. */
  *#leaveUnfinished(): Generator<string> {
    const text = "the time or the requests for this run are used up; a full refresh goes on in the next run";
    const error = new EltError("STREAM_INCOMPLETE", text);
    this.failures.push(error);
    for (const name of this.#names) {
      this.#incomplete.add(name);
      yield errorLine(inStream(error, name), this.#env.clock.now());
    }
  }

  *#ends(): Generator<string> {
    for (const name of this.#names) {
      yield statusLine({ name }, this.#incomplete.has(name) ? "INCOMPLETE" : "COMPLETE", this.#env.clock.now());
    }
  }

  /** A log that also hears of estimates and of limits that the protocol has words for. */
  #listening(log: Log): Log {
    let estimated: number | undefined;
    return {
      ...log,
      info: (text, facts) => {
        log.info(text, facts);
        if (facts?.["rate_limited"] !== true) return;
        for (const name of this.#names) this.#aside.push(statusLine({ name }, "RUNNING", this.#env.clock.now(), true));
      },
      progress: (unit, done, expected) => {
        log.progress(unit, done, expected);
        if (expected === undefined || expected === estimated || !this.#names.includes(unit)) return;
        estimated = expected;
        this.#aside.push(estimateLine(unit, expected, this.#env.clock.now()));
      },
    };
  }
}

const inStream = ({ code, message, cause }: EltError, stream: string) => new EltError(code, message, { cause, stream });
