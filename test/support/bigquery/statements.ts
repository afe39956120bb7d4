import { isObject, type JsonObject, type JsonValue } from "../../../src/core/json.ts";
import { GoogleSqlError, type GoogleSql, type Surroundings, type Table } from "../googlesql.ts";
import type { Dml } from "../googlesql/partitions.ts";
import type { Call } from "./call.ts";
import type { Field } from "./rows.ts";

type Request = (method: string, path: string, body?: JsonObject) => Promise<JsonObject>;

/** Has Google's analyzer look at the SQL that clients send, against the tables as they were when it was sent. */
export class Statements {
  #sent: { readonly call: Call; readonly surroundings: Surroundings }[] = [];
  /** Found right before; clients repeat themselves. */
  readonly #right = new Set<string>();
  readonly #analyzer: GoogleSql;
  readonly #requestOf: (project: string) => Request;

  /** `requestOf` asks the emulator about a project, past the proxy. */
  constructor(analyzer: GoogleSql, requestOf: (project: string) => Request) {
    this.#analyzer = analyzer;
    this.#requestOf = requestOf;
  }

  /** Notes a statement before it is carried out, with the tables that it names. */
  async note(call: Call): Promise<void> {
    const names = await this.#analyzer.tableNames(call.sql ?? "").catch((error: unknown) => {
      if (error instanceof GoogleSqlError) return []; // `problems` says it
      throw error;
    });
    const query = queryOf(call);
    const defaults = isObject(query["defaultDataset"]) ? query["defaultDataset"] : undefined;
    const found = await Promise.all(names.map((path) => this.#table(path, call, defaults)));
    const parameters = (query["queryParameters"] ?? []) as unknown as NonNullable<Surroundings["parameters"]>;
    this.#sent.push({ call, surroundings: { tables: found.filter((table) => table !== undefined), parameters } });
  }

  /** What the analyzer has against statements that were carried out, or whose fate the client does not know. */
  async problems(): Promise<string[]> {
    const found: string[] = [];
    for (const { call, surroundings } of this.#sent) {
      const key = JSON.stringify([call.sql, surroundings]);
      if (this.#right.has(key) || (call.status ?? 0) >= 400) continue;
      try {
        await this.#analyzer.analyze(call.sql ?? "", surroundings);
        this.#right.add(key);
      } catch (error) {
        if (!(error instanceof GoogleSqlError)) throw error;
        if (!(await this.#hasFailed(call))) found.push(`${error.message}\nin: ${call.sql ?? ""}`);
      }
    }
    return found;
  }

  /** What the statements so far change, in the order in which they were sent. */
  async dml(): Promise<Dml[]> {
    const found = [];
    for (const { call, surroundings } of this.#sent) {
      if ((call.status ?? 0) >= 400) continue;
      found.push(...(await this.#analyzer.analyze(call.sql ?? "", surroundings)));
    }
    return found;
  }

  clear(): void {
    this.#sent = [];
  }

  /** A test that wants to see an error of BigQuery sends what is wrong. */
  async #hasFailed({ jobId, parameters }: Call): Promise<boolean> {
    if (jobId === undefined) return false;
    const job = await this.#requestOf(parameters["projectId"] ?? "")("GET", `jobs/${jobId}`).catch(() => undefined);
    return isObject(job?.["status"]) && job["status"]["errorResult"] != null;
  }

  async #table(path: readonly string[], call: Call, defaults: JsonObject | undefined): Promise<Table | undefined> {
    if (path.length > 1 && path.at(-2)?.toUpperCase() === "INFORMATION_SCHEMA") return this.#view(path, call);
    const inDefault = path.length === 1 ? defaults : undefined;
    const own = call.parameters["projectId"] ?? "";
    const [table = "", dataset = inDefault?.["datasetId"], project = own] = path.toReversed();
    if (typeof dataset !== "string") return undefined;
    const found = await this.#requestOf(project)("GET", `datasets/${dataset}/tables/${table}`).catch(() => undefined);
    if (found === undefined) return undefined; // it may be about to be made
    const known = inDefault === undefined ? [project, dataset, table] : path;
    return { path: known, fields: fieldsOf(found["schema"]), partitionedBy: partitionColumn(found) };
  }

  /** The emulator knows the columns of these by a query only. */
  async #view(path: readonly string[], { parameters }: Call): Promise<Table | undefined> {
    const query = `SELECT * FROM ${path.map((name) => `\`${name}\``).join(".")}`;
    const request = this.#requestOf(parameters["projectId"] ?? "");
    const found = await request("POST", "queries", { query, useLegacySql: false, dryRun: true }).catch(() => undefined);
    return found === undefined ? undefined : { path, fields: fieldsOf(found["schema"]) };
  }
}

/** The part of a call that is about the query. */
function queryOf({ method, body = {} }: Call): JsonObject {
  const configuration = body["configuration"];
  const query = method === "jobs.query" ? body : isObject(configuration) ? configuration["query"] : undefined;
  return isObject(query) ? query : {};
}

const fieldsOf = (schema: JsonValue | undefined) =>
  (isObject(schema) ? (schema["fields"] ?? []) : []) as unknown as readonly Field[];

function partitionColumn({ timePartitioning: time, rangePartitioning: range }: JsonObject): string | undefined {
  const field = isObject(time) ? (time["field"] ?? "_PARTITIONTIME") : isObject(range) ? range["field"] : undefined;
  return typeof field === "string" ? field : undefined;
}
