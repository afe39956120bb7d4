import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createHash } from "node:crypto";
import type { Client } from "./client.ts";
import { createTable, dropTable, type NewColumn } from "./ddl.ts";
import { spoolFile, type BigqueryRows, type Spool } from "./stage.ts";
import { Staged, stagingColumns } from "./staged.ts";
import { quote, typeName } from "./types.ts";

/** What staging tables begin with; whoever finds one that is older than a day may drop it. */
export const STAGING = "_chorus_elt_staging_";
const LIFETIME_MS = 86_400_000;

/** How the rows of a file get into a staging table. */
export type Load = (file: string, table: string, columns: readonly NewColumn[], id: string) => Promise<void>;

/** Staging tables of one run, in its dataset. */
export class StagingTables {
  readonly #client: Client;
  readonly #dataset: string;
  readonly #run: string;
  readonly #spool: Spool;
  readonly #load: Load;
  readonly #now: () => number;

  constructor(client: Client, dataset: string, run: string, spool: Spool, load: Load, now: () => number) {
    this.#client = client;
    this.#dataset = dataset;
    this.#run = run;
    this.#spool = spool;
    this.#load = load;
    this.#now = now;
  }

  /** Loads the rows of a stream, and the sets that start, into a table of their own; none where there are neither. */
  async stage(rows: BigqueryRows, batch: number, place: number): Promise<Staged & { name: string | undefined }> {
    if (rows.rows === 0 && rows.setStarts.length === 0) return Object.assign(new Staged("", rows), { name: undefined });
    const { path, hash } = await spoolFile(rows, this.#spool);
    const name = `${STAGING}${this.#run}_${batch}_${place}`;
    await this.#fill(name, stagingColumns(rows.plan), path, hash);
    return Object.assign(new Staged(quote(`${this.#dataset}.${name}`), rows), { name });
  }

  /** Loads lines into a table of their own, and gives its name. */
  async stageLines(lines: string, columns: readonly NewColumn[], batch: number): Promise<string> {
    const path = join(this.#spool.folder, `${this.#spool.files++}.json`);
    await writeFile(path, lines, { mode: 0o600 });
    const name = `${STAGING}${this.#run}_${batch}_rejected`;
    await this.#fill(name, columns, path, createHash("sha256").update(lines).digest("hex"));
    return name;
  }

  async drop(name: string): Promise<void> {
    await dropTable(this.#client, this.#dataset, name);
  }

  async #fill(name: string, columns: readonly NewColumn[], path: string, hash: string): Promise<void> {
    try {
      await createTable(this.#client, this.#dataset, { name, columns, expiresAt: this.#now() + LIFETIME_MS });
      await this.#load(path, name, columns, `chorus_elt_load_${name.slice(STAGING.length)}_${hash.slice(0, 24)}`);
    } finally {
      await rm(path, { force: true });
    }
  }
}

/** A load job: free, all or nothing, and the same job when it is asked for again. */
export function loadJobs(client: Client, dataset: string): Load {
  return (file, table, columns, id) =>
    client.load(id, file, dataset, table, {
      sourceFormat: "NEWLINE_DELIMITED_JSON",
      createDisposition: "CREATE_NEVER",
      writeDisposition: "WRITE_TRUNCATE",
      schema: {
        fields: columns.map(({ name, type, items }) => ({
          name,
          type: typeName(items === undefined ? type : { kind: items as "integer" }),
          mode: items === undefined ? "NULLABLE" : "REPEATED",
        })),
      },
    });
}

/** Drops those of these tables that a killed run of this pipeline has left. */
export async function dropLeftOver(
  client: Client,
  dataset: string,
  pipeline: string,
  tables: ReadonlySet<string>,
): Promise<void> {
  for (const name of tables) {
    if (name.startsWith(`${STAGING}${pipeline}_`)) await dropTable(client, dataset, name);
  }
}
