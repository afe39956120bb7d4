import { isExact, isObject, parseJson, type JsonObject, type JsonValue } from "../../src/core/json.ts";
import type { Truth } from "../../src/sample/truth.ts";
import { startSampleApi, type SampleApi, type SampleOptions } from "../../src/sample/server.ts";

/** A Wednesday afternoon: changes have recent calls to happen to. */
export const NOW = Date.UTC(2026, 5, 17, 15, 20);

export interface Got {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: JsonObject;
}

/** An account at a fixed time, and a reader of it. */
export interface Client extends AsyncDisposable {
  readonly api: SampleApi;
  get(path: string, headers?: Record<string, string>): Promise<Got>;
  post(path: string, body: JsonObject): Promise<Got>;
  /** All rows of a list, page by page to the empty one, received rows counted. */
  list(name: string, query?: string): Promise<JsonObject[]>;
  truth(): Promise<Truth>;
}

export async function client(options: SampleOptions = {}): Promise<Client> {
  const api = await startSampleApi({ calls: 30, now: NOW, ...options });
  const request = async (path: string, init: RequestInit): Promise<Got> => {
    const response = await fetch(api.url + path, init);
    const text = await response.text();
    const json = response.headers.get("content-type")?.includes("json") === true && text !== "" ? parseJson(text) : {};
    return { status: response.status, headers: response.headers, text, json: isObject(json) ? json : {} };
  };
  const get = (path: string, headers: Record<string, string> = { authorization: "Bearer sample-token" }) =>
    request(path, { headers });
  return {
    api,
    get,
    post: (path, body) => request(path, { method: "POST", body: JSON.stringify(body) }),
    async list(name, query = "limit=10") {
      const rows: JsonObject[] = [];
      for (;;) {
        const { json } = await get(`/api/v1/${name}?${query}&offset=${rows.length}`);
        const page = objects(json[name]);
        if (page.length === 0) return rows;
        rows.push(...page);
      }
    },
    truth: async () => JSON.parse((await get("/_sample/truth")).text) as Truth,
    [Symbol.asyncDispose]: () => api.close(),
  };
}

export function objects(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function object(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}

/** The code of an answer in the API's form for errors. */
export function code({ json }: Got): JsonValue | undefined {
  return objects(json["errors"])[0]?.["code"];
}

export function ids(rows: readonly JsonObject[]): string[] {
  return rows.map((row) => word(row["id"]));
}

/** A text, or a number with every digit, as text. */
export function word(value: JsonValue | undefined): string {
  if (isExact(value)) return value.toString();
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw new TypeError(`${JSON.stringify(value)} is neither a text nor a number`);
}
