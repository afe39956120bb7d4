import type { Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import { mayRound, printJson, type JsonObject, type JsonValue } from "../../core/json.ts";
import type { Loader, LoaderOptions } from "../../core/load.ts";
import type { StateMessage } from "../../core/message.ts";
import type { KeptStates } from "../../dialects/airbyte/kept.ts";
import { listen, streamId, type Heard, type LoadedStream } from "../../dialects/airbyte/listen.ts";
import { destinationStateLine } from "../../dialects/airbyte/message.ts";
import type { Listener } from "../load-lines.ts";
import { loaderOptions, type TargetConfig } from "../target-config.ts";

/** What has come of a stream, or of all of them, since its last state. */
interface Tally {
  received: number;
  /** Of the loader's rows, those that an earlier state has told of. */
  told: number;
}

interface Loading extends LoadedStream {
  readonly tally: Tally;
  isComplete: boolean;
}

/** What `write` makes of its input: each stream of the catalog by its own mode, and every state sent back in order. */
export class AirbyteListener implements Listener {
  readonly options: LoaderOptions;
  readonly #streams: ReadonlyMap<string, Loading>;
  readonly #all: Tally = { received: 0, told: 0 };
  readonly #defaultNamespace: string;
  readonly #env: Env;
  /** What goes with a state when it is said: how many records it covers. */
  readonly #stats = new WeakMap<JsonObject, { readonly records: number; readonly rejected: number }>();

  constructor(config: TargetConfig, streams: readonly LoadedStream[], kept: KeptStates, env: Env) {
    this.#streams = new Map(
      streams.map((stream) => [stream.id, { ...stream, tally: { received: 0, told: 0 }, isComplete: false }]),
    );
    this.#defaultNamespace = config.default_target_schema;
    this.#env = env;
    this.options = {
      ...loaderOptions(config),
      method: "append", // every stream of a catalog has its own
      activateVersions: true,
      keepStates(states, complete = new Set()) {
        kept.note(states);
        for (const { id, generation, schema } of streams) {
          if (complete.has(id) && generation !== undefined && schema.method === "overwrite") {
            kept.replaced(id, generation);
          }
        }
        return kept.toState();
      },
    };
  }

  stateLine({ state }: StateMessage): string {
    const { records, rejected } = this.#stats.get(state) ?? { records: 0, rejected: 0 };
    return destinationStateLine(state, records, rejected);
  }

  async begin(loader: Loader): Promise<void> {
    for (const { schema } of this.#streams.values()) {
      await loader.accept(schema, printJson(schema.schema), 0);
    }
  }

  take(text: string, number: number, loader: Loader): Promise<void> | undefined {
    const heard = listen(text, number);
    switch (heard?.type) {
      case "record":
        return this.#record(heard, text, number, loader);
      case "state":
        return this.#state(heard, text, number, loader);
      case "status":
        return heard.status === "COMPLETE" ? this.#complete(heard, number, loader) : undefined;
      case undefined:
        return undefined;
    }
  }

  async end(loader: Loader): Promise<void> {
    const all = [...this.#streams.values()];
    await loader.finish(new Set(all.filter(({ isComplete }) => isComplete).map(({ id }) => id)));
    const incomplete = all.filter(({ isComplete }) => !isComplete).map(({ id }) => id);
    if (incomplete.length === 0) return;
    const names = incomplete.length > 5 ? [...incomplete.slice(0, 5), "…"] : incomplete;
    const text = `the source did not say that these streams are complete: ${names.join(", ")}`;
    throw new EltError("STREAM_INCOMPLETE", `${text}; what came of them is loaded, and no older table was replaced`);
  }

  #record(heard: Heard & { type: "record" }, text: string, line: number, loader: Loader): Promise<void> | undefined {
    const stream = this.#streamOf(heard, line);
    const { data: record, emittedAt, clears } = heard;
    stream.tally.received++;
    this.#all.received++;
    const { generation, schema } = stream;
    // A table that takes the place of another is emptied by versions, so its rows need one.
    const version = generation ?? (schema.method === "overwrite" ? 0 : undefined);
    const message = {
      type: "record" as const,
      stream: stream.id,
      record,
      ...(emittedAt === undefined ? {} : { extractedAt: emittedAt }),
      ...(version === undefined ? {} : { version }),
      ...(clears === undefined ? {} : { clears: clears.map((name) => this.#id(name, heard.namespace)) }),
    };
    // The loader looks for the record in the line only where a number has more digits than a double.
    return loader.accept(message, mayRound(text) ? `{"record":${printJson(record)}}` : text, line);
  }

  #state(heard: Heard & { type: "state" }, text: string, line: number, loader: Loader): Promise<void> | undefined {
    const { name, namespace, state, sourceCount } = heard;
    const stream = name === undefined ? undefined : this.#streams.get(this.#id(name, namespace));
    const tally = stream?.tally ?? this.#all;
    const { rows } = loader.summary;
    const loaded = stream === undefined ? sum(Object.values(rows)) : (rows[stream.id] ?? 0);
    const { received } = tally;
    const rejected = Math.max(0, received - (loaded - tally.told));
    tally.received = 0;
    tally.told = loaded;
    if (sourceCount !== undefined && sourceCount !== received) {
      const text = `the source counted ${sourceCount} records up to this state, ${received} came`;
      this.#env.log.warn(stream === undefined ? text : `stream "${stream.id}": ${text}`);
    }
    this.#stats.set(state, { records: received - rejected, rejected });
    return loader.accept({ type: "state", state, ...(stream === undefined ? {} : { stream: stream.id }) }, text, line);
  }

  /** Nothing more comes of the stream. A new table is made also when no row came: then the old rows go all the same. */
  #complete(heard: Heard & { type: "status" }, line: number, loader: Loader): Promise<void> | undefined {
    const stream = this.#streamOf(heard, line);
    if (stream.isComplete) return undefined;
    stream.isComplete = true;
    const { id, generation = 0, schema } = stream;
    if (schema.method !== "overwrite") return undefined;
    return loader.accept({ type: "activate-version", stream: id, version: generation }, "", line);
  }

  #streamOf({ name, namespace }: { readonly name: string; readonly namespace: JsonValue | undefined }, line: number) {
    const stream = this.#streams.get(this.#id(name, namespace));
    if (stream !== undefined) return stream;
    throw new EltError("MESSAGE_INVALID", `line ${line}: the stream "${name}" is not in the configured catalog`);
  }

  #id(name: string, namespace: JsonValue | undefined): string {
    return streamId(name, namespace, this.#defaultNamespace);
  }
}

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
