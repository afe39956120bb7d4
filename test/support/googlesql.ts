import { promisify } from "node:util";
import { ZetaSQLClient } from "@fivetrandevelopers/zetasql";
import { inject } from "vitest";
import type { Field } from "./bigquery/rows.ts";
import {
  catalogOf,
  columnType,
  parameterType,
  scalar,
  type Column,
  type Known,
  type ParameterType,
  type Type,
} from "./googlesql/catalog.ts";
import { list, property, rangeOf, text, unwrap } from "./googlesql/node.ts";
import { dmlOf, type Dml } from "./googlesql/partitions.ts";
import type { Answer } from "./googlesql-setup.ts";
import { ask } from "./on-demand.ts";

/** A table that SQL may name. */
export interface Table {
  /** Project, dataset and table; without what comes first where that may be left out. */
  readonly path: readonly string[];
  /** As tables.get has them. */
  readonly fields: readonly Field[];
  /** The column, or `_PARTITIONTIME`. */
  readonly partitionedBy?: string | undefined;
}

export interface Surroundings {
  readonly tables: readonly Table[];
  /** As in a query job; those without a name go by their position. */
  readonly parameters?: readonly { readonly name?: string; readonly parameterType: ParameterType }[];
}

/** SQL that Google's analyzer refuses; the message says where. */
export class GoogleSqlError extends Error {
  override name = "GoogleSqlError";
}

/** Google's own parser and type checker of SQL. It runs nothing. */
export interface GoogleSql extends Disposable {
  /** The tables that a statement or a script names, each as its parts. Rejects with GoogleSqlError when it does not parse. */
  tableNames(sql: string): Promise<string[][]>;
  /**
   * Checks a statement or a script: every name, type and assignment. Variables, temporary tables and columns that a script adds
   * are known to what follows. Gives what it changes. Rejects with GoogleSqlError.
   */
  analyze(sql: string, surroundings: Surroundings): Promise<readonly Dml[]>;
}

/** The analyzer that all test files of a run share, or why there is none. */
export async function openGoogleSql(): Promise<GoogleSql | { readonly absent: string }> {
  const answer = await ask<Answer>(inject("googlesqlPort"));
  if ("failed" in answer) throw new Error(answer.failed);
  if ("absent" in answer) return answer;
  ZetaSQLClient.init(answer.port); // makes a new connection each time
  const api = ZetaSQLClient.API;
  const rpc: Rpc = async (method, request) => {
    const call = api[method].bind(api) as (
      request: unknown,
      done: (error: Error | null, answer?: unknown) => void,
    ) => void;
    return promisify(call)(request).catch((error: unknown) => {
      const { code, details } = error as { code?: number; details?: string };
      throw code === INVALID_ARGUMENT ? new GoogleSqlError(details) : error;
    });
  };
  const options = await languageOptions(rpc);
  return {
    async tableNames(sql) {
      const found = await rpc("extractTableNamesFromStatement", { sqlStatement: sql, options, allowScript: true });
      // It does not count the table of ALTER TABLE.
      const altered = [...sql.matchAll(/\bALTER\s+TABLE\s+`([^`]+)`/gi)].map(([, name = ""]) => name.split("."));
      const named = list(found, "tableName").map((one) =>
        list(one, "tableNameSegment").flatMap((segment) => String(segment).split(".")),
      );
      return [...named, ...altered];
    },
    async analyze(sql, surroundings) {
      const script = new Script(rpc, options, sql, surroundings);
      const { parsedScript } = (await rpc("parse", { sqlStatement: sql, options, allowScript: true })) as {
        parsedScript: unknown;
      };
      await script.run(property(parsedScript, "statementListNode"), new Map());
      return script.dml;
    },
    [Symbol.dispose]: () => api.close(),
  };
}

type Rpc = (
  method: "analyze" | "parse" | "extractTableNamesFromStatement" | "getLanguageOptions",
  request: unknown,
) => Promise<unknown>;

const INVALID_ARGUMENT = 3;
const PRODUCT_EXTERNAL = 1;
const CREATE_IF_NOT_EXISTS = 2;

/** What BigQuery has and the analyzer counts as being in development. */
const FEATURES = [
  "FEATURE_ALTER_COLUMN_SET_DATA_TYPE",
  "FEATURE_INTERVAL_TYPE",
  "FEATURE_CREATE_TABLE_CLONE",
  "FEATURE_CREATE_VIEWS_WITH_COLUMN_OPTIONS",
  "FEATURE_ALTER_VIEWS_ALTER_COLUMN_SET_OPTIONS",
  "FEATURE_V_1_3_COLLATION_SUPPORT",
  "FEATURE_V_1_4_GROUPING_BUILTIN",
  "FEATURE_V_1_4_GROUPING_SETS",
];

/** https://cloud.google.com/bigquery/docs/reference/system-variables */
const SYSTEM_VARIABLES: Readonly<Record<string, string>> = {
  dataset_id: "STRING",
  dataset_project_id: "STRING",
  "error.formatted_stack_trace": "STRING",
  "error.message": "STRING",
  "error.statement_text": "STRING",
  project_id: "STRING",
  query_label: "STRING",
  row_count: "INT64",
  "script.job_id": "STRING",
  session_id: "STRING",
  time_zone: "STRING",
};

/** What BigQuery accepts and the analyzer cannot be taught; a statement with one of these counts as right. */
const BEYOND: readonly RegExp[] = [
  /GROUP BY ALL is not supported/, // in BigQuery since 2024
];

async function languageOptions(rpc: Rpc): Promise<object> {
  const most = (await rpc("getLanguageOptions", { maximumFeatures: true })) as { enabledLanguageFeatures: unknown[] };
  return {
    ...most,
    enabledLanguageFeatures: [...most.enabledLanguageFeatures, ...FEATURES],
    supportedStatementKinds: [], // all
    productMode: PRODUCT_EXTERNAL, // without INT32, FLOAT and other names of Google's inside
    reservedKeywords: ["QUALIFY"], // https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#reserved_keywords
  };
}

type Variables = ReadonlyMap<string, Type>;

/** Goes through a script in the order of its text, each statement after the one before. */
class Script {
  readonly dml: Dml[] = [];
  readonly #rpc: Rpc;
  readonly #language: object;
  readonly #bytes: Buffer;
  readonly #tables: Map<string, Known>;
  readonly #parameters: Record<string, unknown>;

  constructor(rpc: Rpc, language: object, sql: string, { tables, parameters = [] }: Surroundings) {
    this.#rpc = rpc;
    this.#language = language;
    this.#bytes = Buffer.from(sql);
    this.#tables = new Map(tables.map((table) => [keyOf(table.path), knownOf(table)]));
    const typed = parameters.map(({ name, parameterType: type }) => ({ name, type: parameterType(type) }));
    this.#parameters = typed.some(({ name }) => name === undefined)
      ? { parameterMode: "PARAMETER_POSITIONAL", positionalQueryParameters: typed.map(({ type }) => type) }
      : { queryParameters: typed };
  }

  /** A list of statements, which may declare variables for those after them. */
  async run(statements: unknown, outer: Variables): Promise<void> {
    let variables = outer;
    for (const statement of list(statements, "statementList")) variables = await this.#step(statement, variables);
  }

  async #step(statement: unknown, variables: Variables): Promise<Variables> {
    const { node, kind } = unwrap(statement);
    switch (kind) {
      case "astVariableDeclarationNode":
        return this.#declare(node, variables);
      case "astSingleAssignmentNode": {
        const name = text(property(node, "variable"), "idString");
        const type = variables.get(name.toLowerCase());
        if (type === undefined) throw new GoogleSqlError(`Undeclared variable: ${name}`);
        await this.#expression(property(node, "expression"), variables, type);
        break;
      }
      case "astAssignmentFromStructNode":
        await this.#expression(property(node, "structExpression"), variables);
        break;
      case "astRaiseStatementNode":
        if (property(node, "message") !== undefined) {
          await this.#expression(property(node, "message"), variables, scalar("STRING"));
        }
        break;
      case "astIfStatementNode":
      case "astBeginEndBlockNode":
      case "astWhileStatementNode":
      case "astRepeatStatementNode":
        await this.#inside(node, variables);
        break;
      case "astForInStatementNode":
      case "astCaseStatementNode":
        throw new Error(`${kind}: no script has needed this yet; see #inside`);
      case "astBreakStatementNode":
      case "astContinueStatementNode":
      case "astReturnStatementNode":
        break;
      default:
        await this.#statement(rangeOf(node), variables);
    }
    return variables;
  }

  /** Conditions and lists of statements anywhere below, but not below these. */
  async #inside(node: unknown, variables: Variables): Promise<void> {
    if (typeof node !== "object" || node === null) return;
    if (Array.isArray(node)) {
      for (const one of node) await this.#inside(one, variables);
      return;
    }
    if ("statementList" in node && Array.isArray(node.statementList)) {
      await this.run(node, variables);
      return;
    }
    for (const [name, value] of Object.entries(node)) {
      if (name !== "condition") await this.#inside(value, variables);
      else if (value !== null) await this.#expression(value, variables, scalar("BOOL"));
    }
  }

  async #declare(node: unknown, variables: Variables): Promise<Variables> {
    const value = property(node, "defaultValue");
    const type = property(node, "type");
    const declared =
      type === undefined
        ? await this.#expression(value, variables)
        : await this.#typeOf(`SELECT CAST(NULL AS ${this.#written(rangeOf(type))})`, variables);
    if (type !== undefined && value !== undefined) await this.#expression(value, variables, declared);
    const names = list(property(node, "variableList"), "identifierList").map((one) => text(one, "idString"));
    return new Map([...variables, ...names.map((name) => [name.toLowerCase(), declared] as const)]);
  }

  /** Its type. With a target, it must be possible to assign it to that. */
  async #expression(expression: unknown, variables: Variables, target?: Type): Promise<Type> {
    const { start, end } = rangeOf(expression);
    return this.#typeOf(`${this.#blank(start)}SELECT ${this.#written({ start, end })}`, variables, target);
  }

  async #typeOf(query: string, variables: Variables, target?: Type): Promise<Type> {
    const statement = await this.#analyze(
      query,
      variables,
      target === undefined ? {} : { targetColumnTypes: [target] },
    );
    const [output] = list(statement, "outputColumnList");
    return property(property(output, "column"), "type") as Type;
  }

  async #statement(range: { start: number; end: number }, variables: Variables): Promise<void> {
    // With blanks in place of what comes before, positions in messages are those of the script.
    const sql = `${this.#blank(range.start)}${this.#written(range)}`;
    let statement;
    try {
      statement = await this.#analyze(sql, variables);
    } catch (error) {
      if (error instanceof GoogleSqlError && BEYOND.some((known) => known.test(error.message))) return;
      throw error;
    }
    this.#remember(statement);
    const partitionColumnOf = (table: string) => this.#tables.get(table.toLowerCase())?.partitionedBy;
    const dml = dmlOf(statement, partitionColumnOf, (range) => this.#written(range));
    if (dml !== undefined) this.dml.push(dml);
  }

  async #analyze(sqlStatement: string, variables: Variables, more: object = {}): Promise<unknown> {
    const answer = await this.#rpc("analyze", {
      sqlStatement,
      simpleCatalog: catalogOf(this.#tables.values(), variables, this.#language),
      options: {
        languageOptions: this.#language,
        errorMessageMode: "ERROR_MESSAGE_MULTI_LINE_WITH_CARET",
        parseLocationRecordType: "PARSE_LOCATION_RECORD_FULL_NODE_SCOPE",
        defaultTimezone: "UTC",
        systemVariables: Object.entries(SYSTEM_VARIABLES).map(([name, type]) => ({
          namePath: name.split("."),
          type: scalar(type),
        })),
        ...this.#parameters,
        ...more,
      },
    });
    return (answer as { resolvedStatement: unknown }).resolvedStatement;
  }

  /** What a statement has made of tables, for those that come later in the script. */
  #remember(statement: unknown): void {
    const { kind } = unwrap(statement);
    const path = list(statement, "namePath").flatMap((name) => String(name).split("."));
    const table = this.#find(path);
    const key = keyOf(table?.path ?? path);
    if (kind === "resolvedCreateTableStmtNode" || kind === "resolvedCreateTableAsSelectStmtNode") {
      if (table !== undefined && property(statement, "createMode") === CREATE_IF_NOT_EXISTS) return;
      const source = property(statement, "copyFrom") ?? property(statement, "cloneFrom");
      const columns = source === undefined ? list(statement, "columnDefinitionList") : list(source, "columnList");
      this.#tables.set(key, { path, columns: columns.map(columnOf) });
    } else if (kind === "resolvedAlterTableStmtNode" && table !== undefined) {
      const added = list(statement, "alterActionList")
        .map((action) => property(action, "columnDefinition"))
        .filter((definition) => definition !== undefined);
      this.#tables.set(key, { ...table, columns: [...table.columns, ...added.map(columnOf)] });
    } else if (kind === "resolvedDropStmtNode") {
      this.#tables.delete(key);
    }
  }

  /** The table of this name, in which the project may have been left out. */
  #find(path: readonly string[]): Known | undefined {
    const key = keyOf(path);
    const [, found] = [...this.#tables].find(([known]) => known === key || known.endsWith(`.${key}`)) ?? [];
    return found;
  }

  #written({ start, end }: { start: number; end: number }): string {
    return this.#bytes.toString("utf8", start, end);
  }

  #blank(end: number): string {
    return this.#written({ start: 0, end }).replace(/[^\n]/g, " ");
  }
}

const keyOf = (path: readonly string[]) => path.join(".").toLowerCase();

const columnOf = (column: unknown): Column => ({ name: text(column, "name"), type: property(column, "type") as Type });

function knownOf({ path, fields, partitionedBy }: Table): Known {
  const own = fields.map((field) => ({ name: field.name, type: columnType(field) }));
  const pseudo =
    partitionedBy === "_PARTITIONTIME"
      ? [
          { name: "_PARTITIONTIME", type: scalar("TIMESTAMP"), isPseudo: true },
          { name: "_PARTITIONDATE", type: scalar("DATE"), isPseudo: true },
        ]
      : [];
  return { path, columns: [...own, ...pseudo], partitionedBy };
}
