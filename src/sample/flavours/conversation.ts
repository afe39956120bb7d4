import type { JsonObject, JsonValue } from "../../core/json.ts";
import type { Call, Turn } from "../model.ts";
import type { PublicId } from "./calls-wire.ts";
import { conversationHead, recordingHead, recordingLists, type Attributes } from "./v3-wire.ts";

/** What a reader asks of a conversation: names of attributes, `recording.…` among them; all without any. */
export class Fields {
  readonly #names: ReadonlySet<string> | undefined;

  constructor(list: string | null) {
    this.#names = list === null ? undefined : new Set(list.split(",").map((name) => name.trim()));
  }

  /** Tells answers apart. */
  get key(): string {
    return this.#names === undefined ? "all" : [...this.#names].sort().join();
  }

  asks(name: string): boolean {
    return this.#names === undefined || this.#names.has(name);
  }

  /** The parts of a nested attribute that are asked for by name. */
  within(name: string): string[] {
    return [...(this.#names ?? [])].flatMap((one) => (one.startsWith(`${name}.`) ? [one.slice(name.length + 1)] : []));
  }

  get asksUtterances(): boolean {
    return this.asks("recording") || this.asks("recording.utterances");
  }
}

/** The conversation of a call, with what is asked for. */
export function conversation(
  call: Call,
  id: PublicId,
  { status, turns, fields }: { status: string; turns: () => readonly Turn[]; fields: Fields },
): JsonObject {
  const attributes: JsonObject = {};
  for (const [name, make] of Object.entries(conversationHead(call, id, status))) {
    const parts = fields.within(name);
    if (fields.asks(name)) attributes[name] = make();
    else if (parts.length > 0) attributes[name] = only(make(), parts);
  }
  const lists = recordingLists(call, id, turns);
  const parts = fields.within("recording");
  if (fields.asks("recording")) attributes["recording"] = made({ ...recordingHead(call), ...lists });
  else if (parts.length > 0) {
    const wanted = Object.entries(lists).filter(([name]) => parts.includes(name));
    attributes["recording"] = made({ ...recordingHead(call), ...Object.fromEntries(wanted) });
  }
  return { id: id(call.id), type: "conversation", attributes };
}

function made(attributes: Attributes): JsonObject {
  return Object.fromEntries(Object.entries(attributes).map(([name, make]) => [name, make()]));
}

function only(value: JsonValue, parts: readonly string[]): JsonValue {
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => parts.includes(name)));
}
