import type { Statement } from "../../core/destination.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { parseJson } from "../../core/json.ts";
import type { Cell, Client, Field, Job } from "./client.ts";
import type { BigqueryConfig } from "./config.ts";
import type { Table } from "./ddl.ts";
import { toGoogleSql } from "./google-sql.ts";
import { isGone } from "./refusal.ts";

/** Values of a statement's parameters, by name. */
export type Parameters = Readonly<Record<string, string | null>>;

/** Runs statements as jobs, with the labels and limits that the config sets. */
export class Queries {
  readonly client: Client;
  readonly #config: BigqueryConfig;

  constructor(client: Client, config: BigqueryConfig) {
    this.client = client;
    this.#config = config;
  }

  /** Runs a statement or a script to its end. The same `id` runs once; see `Client.job` for `isDone`. */
  run(id: string, sql: string, parameters?: Parameters, isDone?: () => Promise<boolean>): Promise<Job | undefined> {
    return this.client.job(id, this.#configuration(sql, parameters), isDone);
  }

  /** The rows of a statement, every value a text or null, in the order of its columns. */
  async *rows(sql: string, parameters?: Parameters): AsyncIterable<readonly Cell[]> {
    for await (const { row } of this.#read(sql, parameters)) yield row;
  }

  /**
   * The rows of a statement in the SQL that databases have in common, as JSON; `$1` … stand for `values`. A dataset that
   * was not made yet has no columns.
   */
  async *common(sql: string, values: readonly unknown[]): AsyncIterable<JsonObject> {
    const parameters = Object.fromEntries(values.map((value, i) => [`p${i + 1}`, parameterOf(value)]));
    const statement = toGoogleSql(sql, this.#config.default_target_schema);
    try {
      for await (const { fields, row } of this.#read(statement, parameters)) {
        yield Object.fromEntries(row.map((cell, i) => [fields[i]?.name ?? "", asJson(cell, fields[i])]));
      }
    } catch (error) {
      if (!isGone(error) || !/\binformation_schema\b/i.test(sql)) throw error;
    }
  }

  /** Runs statements in the SQL that databases have in common, in one transaction; see `run` for `id`. */
  async commonScript(id: string, statements: readonly Statement[]): Promise<void> {
    const parameters: Record<string, string> = {};
    const lines = statements.map(({ sql, values }) => {
      const before = Object.keys(parameters).length;
      for (const [i, value] of values.entries()) parameters[`p${before + i + 1}`] = value;
      const numbered = sql.replace(/\$(\d+)/g, (_, place: string) => `$${before + Number(place)}`);
      return toGoogleSql(numbered, this.#config.default_target_schema);
    });
    const script = ["BEGIN TRANSACTION", ...lines, "COMMIT TRANSACTION"].map((line) => `${line};`).join("\n");
    await this.run(id, script, parameters);
  }

  /** True when a row of the table meets the condition. */
  async any(table: string, condition: string): Promise<boolean> {
    for await (const row of this.rows(`SELECT 1 FROM ${table} WHERE ${condition} LIMIT 1`)) return row.length > 0;
    return false;
  }

  /** How many bytes a statement would read. Undefined where BigQuery cannot tell, as for some scripts. */
  async estimate(sql: string, parameters?: Parameters): Promise<number | undefined> {
    const body = { configuration: { ...this.#configuration(sql, parameters), dryRun: true } };
    const job = (await this.client.request({
      method: "POST",
      path: "/jobs",
      body: { ...body, jobReference: { projectId: this.client.project, location: this.client.location } },
    })) as unknown as Job;
    const bytes = job.statistics?.totalBytesProcessed;
    return bytes === undefined ? undefined : Number(bytes);
  }

  /** Gives a table that was written anew what the statement for it could not say: labels, descriptions, expiry. */
  async restore(dataset: string, table: string, { metadata }: Table): Promise<void> {
    const path = `/datasets/${dataset}/tables/${encodeURIComponent(table)}`;
    const now = await this.client.request({ method: "GET", path });
    const fieldsOf = (of: typeof now) => (of["schema"] as { fields?: Field[] } | undefined)?.fields ?? [];
    const before = new Map(fieldsOf(metadata).map((field) => [field.name, field]));
    const fields = fieldsOf(now).map((field) => {
      const description = before.get(field.name)?.description;
      return description === undefined ? field : { ...field, description };
    });
    const kept: Record<string, unknown> = { schema: { fields } };
    for (const name of ["labels", "description", "friendlyName", "requirePartitionFilter", "timePartitioning"]) {
      if (metadata[name] !== undefined && metadata[name] !== null) kept[name] = metadata[name];
    }
    await this.client.request({ method: "PATCH", path, body: kept });
  }

  #read(sql: string, parameters?: Parameters): AsyncIterable<{ fields: readonly Field[]; row: readonly Cell[] }> {
    return this.client.query({ ...this.#labels(), ...this.#statement(sql, parameters) });
  }

  #configuration(sql: string, parameters?: Parameters): object {
    return { ...this.#labels(), query: this.#statement(sql, parameters) };
  }

  #labels(): object {
    const { labels } = this.#config;
    return Object.keys(labels).length === 0 ? {} : { labels };
  }

  #statement(sql: string, parameters: Parameters = {}): object {
    const { maximum_bytes_billed: most } = this.#config;
    const given = Object.entries(parameters);
    return {
      query: sql,
      useLegacySql: false,
      ...(most === undefined ? {} : { maximumBytesBilled: String(most) }),
      ...(given.length === 0 ? {} : { parameterMode: "NAMED", queryParameters: given.map(queryParameter) }),
    };
  }
}

function queryParameter([name, value]: readonly [string, string | null]): object {
  return { name, parameterType: { type: "STRING" }, parameterValue: { value } };
}

/** Values that were asked about reach the SQL as texts, which it casts where it needs another type. */
function parameterOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Whole numbers of 64 bits, decimals, dates and instants stay texts; JSON is parsed. */
function asJson(cell: Cell | undefined, field: Field | undefined): JsonValue {
  if (cell === null || cell === undefined) return null;
  if (Array.isArray(cell)) return cell.map((one) => asJson((one as { v: Cell }).v, { ...field!, mode: "NULLABLE" }));
  if (typeof cell !== "string") return null;
  switch (field?.type) {
    case "BOOL":
    case "BOOLEAN":
      return cell === "true";
    case "FLOAT":
    case "FLOAT64":
      return Number(cell);
    case "JSON":
      return parseJson(cell);
    case "TIMESTAMP":
      return new Date(Math.floor(Number(cell) / 1_000)).toISOString().replace("Z", micros(cell));
    default:
      return cell;
  }
}

/** The last three digits of an instant's microseconds, and its zone. */
const micros = (text: string) => `${String(((Number(text) % 1_000) + 1_000) % 1_000).padStart(3, "0")}Z`;
