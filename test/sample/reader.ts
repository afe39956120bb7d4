import { isObject, parseJson, type JsonObject, type JsonValue } from "../../src/core/json.ts";
import { sampleInProcess, type InProcess } from "../../src/sample/in-process.ts";
import type { AccountOptions } from "../../src/sample/options.ts";
import type { Truth } from "../../src/sample/truth.ts";
import { NOW, objects } from "./client.ts";

export interface Read {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** Undefined for an empty body. */
  readonly json: JsonValue | undefined;
}

/** A reader of an account in this process. */
export interface Reader extends InProcess {
  get(url: string, headers?: Record<string, string>): Promise<Read>;
  /** All engagements, page by page to the end. */
  engagements(query?: string): Promise<JsonObject[]>;
  truth(): Truth;
}

export async function reader(options: AccountOptions = {}): Promise<Reader> {
  const sample = await sampleInProcess({ calls: 30, now: NOW, ...options });
  const get = async (url: string, headers: Record<string, string> = { authorization: "Bearer sample-token" }) => {
    const got = await sample.send({ method: "GET", url, headers });
    const text = got.body.toString();
    const isJson = got.headers["content-type"]?.includes("json") === true && text !== "";
    return { status: got.status, headers: got.headers, text, json: isJson ? parseJson(text) : undefined };
  };
  return {
    ...sample,
    get,
    async engagements(query = "") {
      const rows: JsonObject[] = [];
      let key: string | undefined;
      do {
        const next = key === undefined ? "" : `&continuation_key=${encodeURIComponent(key)}`;
        const { json } = await get(`/v3/engagements?${query}${next}`);
        rows.push(...objects(fields(json)["engagements"]));
        const said = fields(json)["continuation_key"];
        key = typeof said === "string" ? said : undefined;
      } while (key !== undefined);
      return rows;
    },
    truth: () => sample.control("GET", "/_sample/truth") as Truth,
  };
}

export function fields(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}

/** The attributes of the one resource in an answer. */
export function attributes({ json }: Read): JsonObject {
  return fields(fields(fields(json)["data"])["attributes"]);
}

/** The code of an answer in the API's form for errors. */
export function errorCode({ json }: Read): JsonValue | undefined {
  return objects(fields(json)["errors"])[0]?.["code"];
}
