import type { ColumnKind } from "../../core/column.ts";
import type { LoadOptions } from "../../core/destination.ts";
import { needsMerge } from "../../core/staging.ts";
import { columnsBeyond, metadataColumns, saysWhatIsNewer, type TablePlan } from "../../core/table.ts";
import { canBeAbsent } from "./stage.ts";
import type { Staged } from "./staged.ts";
import type { Target } from "./target.ts";
import { quote } from "./types.ts";

/** What a merge is made of. */
export interface MergeParts {
  readonly staged: Staged;
  readonly target: Target;
  /** In the types that the table has. */
  readonly plan: TablePlan;
  readonly lists: ReadonlyMap<string, ColumnKind>;
  readonly options: LoadOptions;
  /** Milliseconds since 1970 UTC. */
  readonly receivedAt: number;
  readonly syncStartedAt: number;
  /** Of a row `t` of the table: it is in a partition that can hold what the batch speaks of. Undefined: all can. */
  readonly within: string | undefined;
}

/**
 * The statements that move a stream's staged rows into its table, to be run in one transaction: the newest row per key
 * stays, a set that starts anew takes its old rows away. Nothing is deleted that the batch does not speak of.
 */
export function mergeStatements(parts: MergeParts): string[] {
  const merge = new Merge({ ...parts, plan: inForce(parts.plan) });
  const { rows } = parts.staged;
  const { method } = parts.options;
  const statements: string[] = [];
  if (rows.setStarts.length > 0 && method !== "append" && !parts.target.isEmpty) statements.push(merge.deleteSets());
  if (rows.rows > 0) statements.push(...merge.moveRows());
  if (rows.activate !== undefined) statements.push(merge.deleteOlderVersions(rows.activate));
  return statements;
}

/** The plan without what the table's types make void. */
function inForce({ newestBy, ...plan }: TablePlan): TablePlan {
  const decides = plan.columns.some(({ name, type }) => name === newestBy && saysWhatIsNewer(type));
  return decides && newestBy !== undefined ? { ...plan, newestBy } : plan;
}

class Merge {
  readonly #staged: Staged;
  readonly #target: Target;
  readonly #plan: TablePlan;
  readonly #options: LoadOptions;
  readonly #lists: MergeParts["lists"];
  readonly #times: Pick<MergeParts, "receivedAt" | "syncStartedAt">;
  readonly #within: string | undefined;
  readonly #table: string;
  /** Places in the plan of columns whose property some record lacked, where the table's value stays then. */
  readonly #absent: readonly number[];

  constructor({ staged, target, plan, options, lists, within, ...times }: MergeParts) {
    this.#staged = staged;
    this.#target = target;
    this.#plan = plan;
    this.#options = options;
    this.#lists = lists;
    this.#times = times;
    this.#within = within;
    this.#table = quote(`${options.schema}.${plan.table}`);
    const canStay = (name: string) => !plan.keys.includes(name) && canBeAbsent(name);
    const keeps = options.keepAbsent && this.#byKey;
    this.#absent = plan.columns.flatMap(({ name }, i) =>
      keeps && canStay(name) && staged.isAbsentSomewhere(i) ? [i] : [],
    );
  }

  deleteSets(): string {
    const { setColumns } = this.#staged.rows;
    if (setColumns.length === 0) return `DELETE FROM ${this.#table} WHERE TRUE`;
    const same = setColumns.map(({ name }, i) => `sets.k${i} = ${this.#comparable(`t.${quote(name)}`, name)}`);
    return `DELETE FROM ${this.#table} t WHERE ${this.#and(`EXISTS (SELECT 1 FROM ${this.#sets()} sets WHERE ${same.join(" AND ")})`)}`;
  }

  moveRows(): string[] {
    const { rows } = this.#staged;
    const newest = this.#newestRows();
    const { isEmpty } = this.#target;
    this.#target.isEmpty = false;
    if (!this.#byKey || isEmpty || !needsMerge(rows, this.#plan)) return [this.#insert(newest)];
    return this.#losesKeys ? [this.#deleteLost(newest), this.#merge(newest)] : [this.#merge(newest)];
  }

  deleteOlderVersions(version: number): string {
    const older = `coalesce(_sdc_table_version, -1) < ${version}`;
    if (this.#options.hardDelete) return `DELETE FROM ${this.#table} WHERE ${older}`;
    return `UPDATE ${this.#table} SET _sdc_deleted_at = CURRENT_TIMESTAMP() WHERE ${older} AND _sdc_deleted_at IS NULL`;
  }

  get #byKey(): boolean {
    return this.#options.method !== "append" && this.#plan.keys.length > 0;
  }

  /** A key of the batch can be gone at its end though no row deletes it. */
  get #losesKeys(): boolean {
    const { keys, replaces } = this.#plan;
    return this.#staged.rows.setsRestarted && replaces?.every((name) => keys.includes(name)) === false;
  }

  /** Several rows of a key may have to be put together, because some lack what others have. */
  get #combines(): boolean {
    return this.#staged.rows.mayHaveDuplicates && this.#absent.length > 0;
  }

  /** Rows that say that they are deleted are to go. */
  get #deletesRows(): boolean {
    return this.#options.hardDelete && this.#plan.columns.some(({ name }) => name === DELETED_AT);
  }

  #insert(newest: string): string {
    const alive = this.#deletesRows ? ` WHERE s.${this.#place(DELETED_AT)} IS NULL` : "";
    return `INSERT INTO ${this.#table} (${this.#own.map(quote).join(", ")}) SELECT ${this.#values.join(", ")} FROM ${newest} s${alive}`;
  }

  #merge(newest: string): string {
    const { keys, newestBy } = this.#plan;
    const isNewer =
      newestBy === undefined
        ? ""
        : ` AND (t.${quote(newestBy)} IS NULL OR t.${quote(newestBy)} <= s.${this.#place(newestBy)})`;
    const deleted = `s.${this.#place(DELETED_AT)}`;
    const sets = this.#assignments();
    return [
      `MERGE ${this.#table} t USING ${newest} s ON ${this.#and(keys.map((key) => this.#keyMatches(key)).join(" AND "))}`,
      ...(this.#deletesRows ? [`WHEN MATCHED${isNewer} AND ${deleted} IS NOT NULL THEN DELETE`] : []),
      ...(sets.length > 0 ? [`WHEN MATCHED${isNewer} THEN UPDATE SET ${sets.join(", ")}`] : []),
      `WHEN NOT MATCHED${this.#deletesRows ? ` AND ${deleted} IS NULL` : ""} THEN INSERT (${this.#own.map(quote).join(", ")}) VALUES (${this.#values.join(", ")})`,
    ].join(" ");
  }

  /** What becomes of each column of a row that is there. */
  #assignments(): string[] {
    const { columns, keys } = this.#plan;
    const stays = (i: number) => (this.#combines ? `s.a${i} AND NOT s._is_new` : `s.a${i}`);
    const written = columns.flatMap(({ name }, i) => {
      if (keys.includes(name)) return [];
      const value = this.#absent.includes(i) ? `IF(${stays(i)}, t.${quote(name)}, s.c${i})` : `s.c${i}`;
      return [`${quote(name)} = ${value}`];
    });
    const metadata = this.#metadata.map((name) => `${quote(name)} = ${this.#metadataValue(name)}`);
    return [...written, ...metadata, ...this.#notWritten()];
  }

  /** What becomes of columns that the rows do not have: Singer's are those of the last writer, so none. */
  #notWritten(): string[] {
    const has = this.#target.table?.columns ?? new Map<string, never>();
    const own = this.#metadata;
    const empty = (name: string) => `CAST(NULL AS ${has.get(name)?.native ?? "STRING"})`;
    const singers = metadataColumns(this.#plan, true, true).flatMap(([name]) =>
      has.has(name) && !own.includes(name) ? [`${quote(name)} = ${empty(name)}`] : [],
    );
    const beyond = columnsBeyond(this.#plan, has.keys());
    if (!this.#options.keepAbsent) return [...singers, ...beyond.map((name) => `${quote(name)} = ${empty(name)}`)];
    if (!this.#combines || !this.#deletesRows) return singers;
    const kept = (name: string) => `IF(s._is_new, ${empty(name)}, t.${quote(name)})`;
    return [...singers, ...beyond.map((name) => `${quote(name)} = ${kept(name)}`)];
  }

  /** A row can move from one set to another, and that set can start again: its key is gone though no row has it. */
  #deleteLost(newest: string): string {
    const { keys } = this.#plan;
    const of = (source: string) =>
      `EXISTS (SELECT 1 FROM ${source} s WHERE ${keys.map((key) => this.#keyMatches(key)).join(" AND ")})`;
    const gone = this.#plan.newestBy === undefined ? this.#all() : newest;
    return `DELETE FROM ${this.#table} t WHERE ${this.#and(`${of(gone)} AND NOT ${of(newest)}`)}`;
  }

  /** All staged rows in the table's types. Columns are called by their place; `a0` … say what the record lacked. */
  #all(): string {
    const columns = this.#plan.columns.map(
      ({ name, type }, i) => `${this.#staged.value(i, type, this.#lists.get(name))} AS c${i}`,
    );
    const lacks = this.#absent.map((i) => `${this.#staged.absent(i)} AS a${i}`);
    const rest = [...lacks, "TIMESTAMP_MICROS(e) AS _extracted_at", "v AS _version", "r AS _row"];
    return `(SELECT ${[...columns, ...rest].join(", ")} FROM ${this.#staged.table} WHERE r IS NOT NULL)`;
  }

  /** The rows to load, out of all that are staged. */
  #newestRows(): string {
    const all = this.#all();
    if (this.#options.method === "append") return all;
    // A row can move from one set to another, and that set can start again; but a newer row of an old set counts for nothing.
    const whole =
      this.#plan.newestBy === undefined
        ? this.#ofLastSets(this.#lastOfKeys(all))
        : this.#lastOfKeys(this.#ofLastSets(all));
    if (!this.#combines) return whole;
    const combined = this.#combined(this.#notOvertaken(this.#ofLastSets(all)));
    if (!this.#staged.rows.setsRestarted || this.#plan.newestBy !== undefined) return combined;
    return `(SELECT * FROM ${combined} WHERE _row IN (SELECT _row FROM ${whole}))`;
  }

  /** Without the rows of sets that started again further down. */
  #ofLastSets(source: string): string {
    const { setsRestarted, setColumns, setStarts } = this.#staged.rows;
    if (!setsRestarted) return source;
    if (setColumns.length === 0) {
      const start = this.#staged.firstSequence + (setStarts.at(-1)?.row ?? 0);
      return `(SELECT * FROM ${source} WHERE _row >= ${start})`;
    }
    const same = setColumns.map(({ name }, i) => `sets.k${i} = ${this.#comparable(`s.${this.#place(name)}`, name)}`);
    return `(SELECT s.* FROM ${source} s LEFT JOIN ${this.#sets()} sets ON ${same.join(" AND ")} WHERE sets._start IS NULL OR s._row >= sets._start)`;
  }

  /** Sets that start: their values as `k0` …, and the row that each starts at. */
  #sets(): string {
    const { setColumns } = this.#staged.rows;
    const keys = setColumns.map(({ name }, i) => `${this.#comparable(this.#stagedColumn(name), name)} AS k${i}`);
    const places = setColumns.map((_, i) => `k${i}`).join(", ");
    const starts = `SELECT ${keys.join(", ")}, s AS _at FROM ${this.#staged.table} WHERE s IS NOT NULL`;
    return `(SELECT ${places}, MAX(_at) AS _start FROM (${starts}) GROUP BY ${places})`;
  }

  #lastOfKeys(source: string): string {
    const { keys, newestBy } = this.#plan;
    if (!this.#staged.rows.mayHaveDuplicates || keys.length === 0) return source;
    const newest = newestBy === undefined ? "" : `${this.#place(newestBy)} DESC NULLS LAST, `;
    return `(SELECT * FROM ${source} WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY ${this.#keyPlaces} ORDER BY ${newest}_row DESC) = 1)`;
  }

  /**
   * One row for each key out of several that lack properties: each column from the newest row that has it. `_is_new` says
   * that a row was deleted for good in between: then what came before stays no more.
   */
  #combined(source: string): string {
    const { columns, keys, newestBy } = this.#plan;
    const newest = newestBy === undefined ? "" : `${this.#place(newestBy)} ASC NULLS FIRST, `;
    const ofKey = `OVER (PARTITION BY ${this.#keyPlaces})`;
    const ranked = `SELECT *, ROW_NUMBER() OVER (PARTITION BY ${this.#keyPlaces} ORDER BY ${newest}_row) AS _rank FROM ${source}`;
    const deletion = this.#deletesRows ? `${this.#place(DELETED_AT)} IS NOT NULL` : "FALSE";
    const gone = `SELECT *, MAX(_rank) ${ofKey} AS _last, MAX(IF(${deletion}, _rank, NULL)) ${ofKey} AS _gone FROM (${ranked})`;
    const groups = keys.map((key) => this.#partitionable(`g.${this.#place(key)}`, key));
    const last = (sql: string, lacks = "") =>
      `ARRAY_AGG(STRUCT(${sql} AS v) ORDER BY ${lacks}g._rank DESC LIMIT 1)[SAFE_OFFSET(0)].v`;
    const list = [
      ...columns.map(({ name }, i) =>
        keys.includes(name)
          ? `ANY_VALUE(g.c${i}) AS c${i}`
          : `${last(`g.c${i}`, this.#absent.includes(i) ? `g.a${i}, ` : "")} AS c${i}`,
      ),
      ...this.#absent.map((i) => `LOGICAL_AND(g.a${i}) AS a${i}`),
      ...["_extracted_at", "_version", "_row"].map((name) => `${last(`g.${name}`)} AS ${name}`),
      "LOGICAL_OR(_gone IS NOT NULL) AS _is_new",
    ];
    const stays = "_gone IS NULL OR _rank > _gone OR _rank = _last";
    return `(SELECT ${list.join(", ")} FROM (${gone}) g WHERE ${stays} GROUP BY ${groups.join(", ")})`;
  }

  /** Without the rows that are older than what the table has. */
  #notOvertaken(source: string): string {
    const { keys, newestBy } = this.#plan;
    if (newestBy === undefined || this.#target.isEmpty) return source;
    const [old, fresh] = [`t.${quote(newestBy)}`, `s.${this.#place(newestBy)}`];
    const newer = `(${old} > ${fresh} OR (${fresh} IS NULL AND ${old} IS NOT NULL))`;
    const condition = this.#and([...keys.map((key) => this.#keyMatches(key)), newer].join(" AND "));
    return `(SELECT s.* FROM ${source} s WHERE NOT EXISTS (SELECT 1 FROM ${this.#table} t WHERE ${condition}))`;
  }

  get #metadata(): string[] {
    const { rows } = this.#staged;
    const versions = rows.hasVersions || rows.activate !== undefined;
    return metadataColumns(this.#plan, this.#options.metadata, versions).map(([name]) => name);
  }

  /** The columns that rows are written with, and their values. */
  get #own(): string[] {
    return [...this.#plan.columns.map(({ name }) => name), ...this.#metadata];
  }

  get #values(): string[] {
    return [...this.#plan.columns.map((_, i) => `s.c${i}`), ...this.#metadata.map((name) => this.#metadataValue(name))];
  }

  #metadataValue(name: string): string {
    switch (name) {
      case "_sdc_extracted_at":
        return "s._extracted_at";
      case "_sdc_received_at":
      case "_sdc_batched_at":
        return `TIMESTAMP_MILLIS(${this.#times.receivedAt})`;
      case "_sdc_sequence":
        return "s._row";
      case "_sdc_table_version":
        return "s._version";
      case "_sdc_sync_started_at":
        return String(this.#times.syncStartedAt);
      default:
        return "CAST(NULL AS TIMESTAMP)";
    }
  }

  /** A condition on rows `t` of the table, and on the partitions that they are in. */
  #and(condition: string): string {
    return this.#within === undefined ? condition : `${this.#within} AND ${condition}`;
  }

  #keyMatches(key: string): string {
    return `${this.#comparable(`t.${quote(key)}`, key)} = ${this.#comparable(`s.${this.#place(key)}`, key)}`;
  }

  get #keyPlaces(): string {
    return this.#plan.keys.map((key) => this.#partitionable(this.#place(key), key)).join(", ");
  }

  /** JSON cannot be compared, but as text. */
  #comparable(sql: string, column: string): string {
    return this.#type(column)?.kind === "json" ? `TO_JSON_STRING(${sql})` : sql;
  }

  /** Neither JSON nor doubles can be partitioned by, but as text. */
  #partitionable(sql: string, column: string): string {
    return this.#type(column)?.kind === "number" ? `CAST(${sql} AS STRING)` : this.#comparable(sql, column);
  }

  #type(column: string) {
    return this.#plan.columns.find(({ name }) => name === column)?.type;
  }

  #place(column: string): string {
    return `c${this.#plan.columns.findIndex(({ name }) => name === column)}`;
  }

  #stagedColumn(column: string): string {
    const index = this.#plan.columns.findIndex(({ name }) => name === column);
    const type = this.#plan.columns[index]?.type;
    return type === undefined ? "NULL" : this.#staged.value(index, type, this.#lists.get(column));
  }
}

const DELETED_AT = "_sdc_deleted_at";
