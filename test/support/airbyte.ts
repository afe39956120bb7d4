import { spawn } from "node:child_process";
import { isObject, parseJson, type JsonObject } from "../../src/core/json.ts";
import { ended, run, type Ended, type Place } from "../e2e/pipe.ts";

/** A message of the protocol, as it came out. */
export interface Message {
  readonly type: string;
  readonly log?: { readonly level: string; readonly message: string };
  readonly record?: { readonly stream: string; readonly data: JsonObject; readonly emitted_at: number };
  readonly state?: {
    readonly type: string;
    readonly stream: { readonly stream_descriptor: { readonly name: string }; readonly stream_state: JsonObject };
    readonly sourceStats?: { readonly recordCount: unknown };
    readonly destinationStats?: { readonly recordCount: unknown; readonly rejectedRecordCount?: unknown };
  };
  readonly trace?: {
    readonly type: string;
    readonly error?: {
      readonly message: string;
      readonly failure_type: string;
      readonly stream_descriptor?: { readonly name: string };
    };
    readonly estimate?: { readonly name: string; readonly row_estimate: number };
    readonly stream_status?: {
      readonly stream_descriptor: { readonly name: string };
      readonly status: string;
      readonly reasons?: readonly JsonObject[];
    };
  };
  readonly catalog?: { readonly streams: readonly CatalogStream[] };
  readonly spec?: { readonly connectionSpecification: JsonObject };
  readonly connectionStatus?: { readonly status: string; readonly message?: string };
}

export interface CatalogStream {
  readonly name: string;
  readonly json_schema: JsonObject;
  readonly supported_sync_modes: readonly string[];
  readonly source_defined_cursor: boolean;
  readonly default_cursor_field: readonly string[];
  readonly source_defined_primary_key: readonly (readonly string[])[];
  readonly is_resumable: boolean;
}

/** A run in the Airbyte protocol. Throws when stdout has anything else than its messages. */
export interface Spoken extends Ended {
  readonly messages: readonly Message[];
  readonly records: readonly NonNullable<Message["record"]>[];
  /** `STATE` messages, all of them. */
  readonly states: readonly NonNullable<Message["state"]>[];
  /** The last state of each stream, as a `--state` file has them. */
  readonly lastStates: readonly NonNullable<Message["state"]>[];
  /** The statuses of each stream, in order. */
  readonly statuses: Readonly<Record<string, readonly string[]>>;
  readonly errors: readonly NonNullable<NonNullable<Message["trace"]>["error"]>[];
}

export async function speak(
  program: string,
  args: readonly string[],
  input = "",
  env: Record<string, string> = {},
): Promise<Spoken> {
  return spoken(await run(program, args, input, env));
}

export function spoken(end: Ended): Spoken {
  const messages = end.stdout.split("\n").flatMap((line): Message[] => {
    if (line === "") return [];
    const message = parseJson(line);
    if (!isObject(message) || typeof message["type"] !== "string") throw new Error("a line is no message");
    return [message as unknown as Message];
  });
  const states = messages.flatMap(({ state }) => state ?? []);
  const ofStreams = states.filter(({ type }) => type === "STREAM");
  const last = new Map(ofStreams.map((state) => [state.stream.stream_descriptor.name, state]));
  const statuses: Record<string, string[]> = {};
  for (const { trace } of messages) {
    if (trace?.stream_status === undefined) continue;
    (statuses[trace.stream_status.stream_descriptor.name] ??= []).push(trace.stream_status.status);
  }
  return {
    ...end,
    messages,
    records: messages.flatMap(({ record }) => record ?? []),
    states,
    lastStates: [...last.values()],
    statuses,
    errors: messages.flatMap(({ trace }) => trace?.error ?? []),
  };
}

/** A configured catalog of these streams. */
export function configured(
  streams: readonly CatalogStream[],
  settings: JsonObject | ((stream: CatalogStream) => JsonObject),
): JsonObject {
  return {
    streams: streams.map((stream) => ({
      stream: stream as unknown as JsonObject,
      destination_sync_mode: "append_dedup",
      primary_key: stream.source_defined_primary_key.map((path) => [...path]),
      cursor_field: [...stream.default_cursor_field],
      ...(typeof settings === "function" ? settings(stream) : settings),
    })),
  };
}

/** `read` of tap-chorus with a catalog and, when there are any, states. */
export async function readWith(
  where: Place,
  catalog: JsonObject,
  states?: readonly unknown[],
  config = where.tap,
): Promise<Spoken> {
  const file = await where.file("catalog.json", catalog);
  const state = states === undefined ? [] : ["--state", await where.file("states.json", states)];
  return speak("tap-chorus", ["read", "--config", config, "--catalog", file, ...state]);
}

/** What the protocol's own models make of each line: how many messages of each type there are. Throws what they refuse. */
export async function parsedByModels(python: string, lines: string): Promise<Record<string, number>> {
  const child = spawn(python, ["test/support/python/parse_lines.py"], { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(lines);
  const { code, stdout, stderr } = await ended(child);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, number>;
}
