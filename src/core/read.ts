import type { Env } from "./env.ts";
import { isObject, type JsonObject, type JsonSchema } from "./json.ts";
import type { Message, RecordMessage, SchemaMessage, State } from "./message.ts";
import type { Source } from "./source.ts";
import type { Selection } from "./stream.ts";

/**
 * What a tap says: the schemas of all selected streams, then what the source reads, cut down to the selected
 * properties, with what is masked as the config asks. A record that does not fit its schema is counted and warned of, and sent all the same: the target puts it
 * aside where it can be looked at, while dropping it here would lose it.
 */
export async function* read<Config>(
  source: Source<Config>,
  config: Config,
  selection: readonly Selection[],
  state: State,
  env: Env,
): AsyncGenerator<Message> {
  const { compileCheck } = await import("./validate.ts");
  const outlets = new Map(
    selection.map((one) => {
      const { name } = one.stream;
      const schema = selectedSchema({ ...one, stream: source.masks?.stream(one.stream) ?? one.stream });
      const mask = source.masks?.record(name);
      return [name, { fields: dropped(one), mask, check: compileCheck(name, schema), schema, records: 0, misfits: 0 }];
    }),
  );
  const messages = await source.read(config, selection, state, env);
  for (const { stream } of selection) yield schemaMessage(stream, outlets.get(stream.name)?.schema ?? stream.schema);
  const started = env.clock.now();
  for await (const message of messages) {
    if (message.type !== "record") {
      yield message;
      continue;
    }
    const outlet = outlets.get(message.stream);
    if (outlet === undefined) continue;
    outlet.records++;
    const selected = pruned(message, outlet.fields);
    const record = outlet.mask === undefined ? selected : { ...selected, record: outlet.mask(selected.record) };
    const reason = outlet.check(record.record);
    if (reason !== undefined && outlet.misfits++ < 3) {
      env.log.warn(`a record of stream "${message.stream}" does not fit its schema: ${reason}`);
    }
    yield record;
  }
  for (const [stream, { records, misfits }] of outlets) {
    env.log.metric({ type: "counter", metric: "record_count", value: records, tags: { stream } });
    if (misfits > 0)
      env.log.warn(`${misfits} records of stream "${stream}" did not fit its schema; they were sent as they are`);
  }
  env.log.metric({ type: "timer", metric: "sync_duration", value: (env.clock.now() - started) / 1_000 });
}

function schemaMessage(stream: Selection["stream"], schema: JsonSchema): SchemaMessage {
  return {
    type: "schema",
    stream: stream.name,
    schema,
    keys: stream.keys,
    ...(stream.replicationKey === undefined ? {} : { bookmarks: [stream.replicationKey] }),
    ...(stream.newestBy === undefined ? {} : { newestBy: stream.newestBy }),
    ...(stream.replaces === undefined ? {} : { replaces: stream.replaces }),
  };
}

function selectedSchema({ stream, fields }: Selection): JsonSchema {
  const properties = isObject(stream.schema["properties"]) ? stream.schema["properties"] : {};
  const kept = Object.fromEntries(Object.entries(properties).filter(([name]) => fields.has(name)));
  const required = stream.schema["required"];
  return {
    ...stream.schema,
    properties: kept,
    ...(Array.isArray(required)
      ? { required: required.filter((name) => typeof name === "string" && fields.has(name)) }
      : {}),
  };
}

/** Properties that the user does not want; undefined when all are wanted. */
function dropped({ stream, fields }: Selection): ReadonlySet<string> | undefined {
  const properties = isObject(stream.schema["properties"]) ? stream.schema["properties"] : {};
  const names = Object.keys(properties).filter((name) => !fields.has(name));
  return names.length === 0 ? undefined : new Set(names);
}

function pruned(message: RecordMessage, unwanted: ReadonlySet<string> | undefined): RecordMessage {
  if (unwanted === undefined) return message;
  const record: JsonObject = {};
  for (const [name, value] of Object.entries(message.record)) if (!unwanted.has(name)) record[name] = value;
  return { ...message, record };
}
