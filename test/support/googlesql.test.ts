import { afterAll, describe, expect, test } from "vitest";
import type { Field } from "./bigquery/rows.ts";
import { openGoogleSql, type Surroundings, type Table } from "./googlesql.ts";
import { describeBigQuery } from "./own-bigquery.ts";

const FIELDS: readonly Field[] = [
  { name: "id", type: "INTEGER", mode: "REQUIRED" },
  { name: "price", type: "NUMERIC" },
  { name: "exact", type: "BIGNUMERIC" },
  { name: "name", type: "STRING" },
  { name: "raw", type: "JSON" },
  { name: "seen_at", type: "TIMESTAMP" },
  { name: "tags", type: "STRING", mode: "REPEATED" },
  { name: "parts", type: "RECORD", mode: "REPEATED", fields: [{ name: "n", type: "FLOAT" }] },
];
const table = (path: string, more: Partial<Table> = {}): Table => ({ path: path.split("."), fields: FIELDS, ...more });
const TABLES = [
  table("p.d.calls", { partitionedBy: "seen_at" }),
  table("p.d.stage"),
  table("p.d.by_arrival", { partitionedBy: "_PARTITIONTIME" }),
];

const opened = await openGoogleSql();
const skipped = "absent" in opened ? ` (skipped: ${opened.absent})` : "";
if (skipped !== "") console.warn(`Skipped: Google's analyzer of SQL${skipped}`);

describe.skipIf("absent" in opened)(`Google's analyzer of SQL${skipped}`, () => {
  const analyzer = opened as Exclude<typeof opened, { absent: string }>;
  afterAll(() => analyzer[Symbol.dispose]());
  const analyze = (sql: string, more: Partial<Surroundings> = {}) => analyzer.analyze(sql, { tables: TABLES, ...more });

  test.each([
    "SELECT * EXCEPT (raw), parts[SAFE_OFFSET(0)].n FROM `p.d.calls` WHERE 'a' IN UNNEST(tags)",
    "SELECT id FROM p.d.calls UNION ALL SELECT id FROM `p`.`d`.`calls` UNION ALL SELECT id FROM `d.calls`",
    "SELECT MAX_BY(name, id), MIN_BY(raw, id) FROM d.calls",
    "SELECT name, COUNT(*) FROM d.calls GROUP BY ALL",
    "SELECT JSON_VALUE(raw, '$.a'), LAX_INT64(raw.b), TO_JSON_STRING(raw), PARSE_JSON('1', wide_number_mode => 'round') FROM d.calls",
    `MERGE d.calls T USING (SELECT * FROM d.stage QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY seen_at DESC) = 1) S
       ON T.id = S.id WHEN MATCHED THEN UPDATE SET price = S.id, exact = S.price WHEN NOT MATCHED THEN INSERT ROW`,
    "ALTER TABLE d.calls ALTER COLUMN id SET DATA TYPE NUMERIC, ADD COLUMN IF NOT EXISTS more STRING",
    `CREATE TABLE d.t (id INT64 NOT NULL, name STRING(10), day DATE, PRIMARY KEY (id) NOT ENFORCED)
       PARTITION BY DATE_TRUNC(day, MONTH) CLUSTER BY id OPTIONS (require_partition_filter = TRUE)`,
    "SELECT * FROM d.by_arrival WHERE _PARTITIONTIME IS NULL",
    "SELECT @@project_id, @@row_count",
  ])("accepts %s", async (sql) => {
    await analyze(sql);
  });

  test.each([
    [
      "MERGE d.calls T USING d.stage S ON T.id = S.id WHEN MATCHED THEN UPDATE SET id = S.name",
      "Value of type STRING cannot be assigned to id, which has type INT64 [at 1:82]",
    ],
    ["SELECT nmae FROM d.calls", "Unrecognized name: nmae; Did you mean name? [at 1:8]"],
    ["UPDATE d.calls SET id = 1", "UPDATE must have a WHERE clause"],
    ["DELETE FROM d.calls", "DELETE must have a WHERE clause"],
    ["INSERT d.calls (price, name) SELECT name, name FROM d.stage", "Query column 1 has type STRING"],
    ["SELECT * FROM d.nowhere", "Table not found: d.nowhere"],
    ["SELECT id FROM d.calls GROUP BY id, raw", "JSON"],
    ["SELECT CAST(1 AS FLOAT)", "Type not found: FLOAT"],
    ["SELECT 1 FROM d.calls T JOIN d.stage S ON T.raw = S.raw", "JSON"],
    ["SELECT FROM", "Syntax error"],
  ])("refuses %s", async (sql, message) => {
    await expect(analyze(sql)).rejects.toThrow(message);
  });

  test("a script is followed: its variables, temporary tables, new columns, and every branch", async () => {
    const script = (more: string) => `
      DECLARE latest, oldest TIMESTAMP DEFAULT TIMESTAMP '2026-01-01';
      DECLARE total NUMERIC DEFAULT 0;
      DECLARE name DEFAULT (SELECT name FROM d.calls LIMIT 1);
      SET latest = (SELECT MAX(seen_at) FROM d.stage);
      BEGIN TRANSACTION;
      CREATE TEMP TABLE newest AS SELECT id, MAX(seen_at) AS at_last FROM d.stage GROUP BY id;
      ALTER TABLE d.calls ADD COLUMN note STRING;
      MERGE d.calls T USING newest S ON T.id = S.id AND T.seen_at >= oldest WHEN MATCHED THEN UPDATE SET note = 'ünï';
      IF @@row_count > 1 THEN
        RAISE USING MESSAGE = FORMAT('%d', @@row_count);
      ELSEIF latest IS NULL THEN
        BEGIN
          DELETE FROM d.calls WHERE id IN (SELECT id FROM newest);
        EXCEPTION WHEN ERROR THEN
          SELECT @@error.message;
        END;
      ELSE
        SET total = total + 1;
        ${more}
      END IF;
      DROP TABLE newest;
      COMMIT TRANSACTION;`;
    const changes = await analyze(script(""));
    expect(changes.map(({ kind, table }) => [kind, table])).toEqual([
      ["MERGE", "p.d.calls"],
      ["DELETE", "p.d.calls"],
    ]);
    await expect(analyze(script("SET total = name;"))).rejects.toThrow(
      "type STRING which cannot be coerced to target type NUMERIC",
    );
    await expect(analyze(script("SET sum = 1;"))).rejects.toThrow("Undeclared variable: sum");
    await expect(analyze(script("SELECT at_first FROM newest;"))).rejects.toThrow(
      /Unrecognized name: at_first.* \[at 20:/,
    );
    await expect(analyze(script("IF total THEN SELECT 1; END IF;"))).rejects.toThrow("coerced to target type BOOL");
    await expect(analyze(script("RAISE USING MESSAGE = 1;"))).rejects.toThrow("coerced to target type STRING");
    await expect(analyze(`${script("")} SELECT * FROM newest;`)).rejects.toThrow("Table not found: newest");
    await expect(analyze(`DECLARE n INT64 DEFAULT 'a';`)).rejects.toThrow("coerced to target type INT64");
  });

  test("parameters have the types that the job gives them, by name or by position", async () => {
    const parameters = [
      { name: "ids", parameterType: { type: "ARRAY", arrayType: { type: "INT64" } } },
      { name: "one", parameterType: { type: "STRUCT", structTypes: [{ name: "a", type: { type: "STRING" } }] } },
    ];
    await analyze("SELECT @one.a FROM d.calls WHERE id IN UNNEST(@ids)", { parameters });
    await expect(analyze("SELECT 1 FROM d.calls WHERE name IN UNNEST(@ids)", { parameters })).rejects.toThrow("INT64");
    await expect(analyze("SELECT @other", { parameters })).rejects.toThrow("other");
    await analyze("SELECT ? + 1", { parameters: [{ parameterType: { type: "INT64" } }] });
    await expect(analyze("SELECT ? + 1", { parameters: [{ parameterType: { type: "BOOL" } }] })).rejects.toThrow(
      "BOOL",
    );
  });

  test.each([
    ["MERGE d.calls T USING d.stage S ON T.id = S.id WHEN MATCHED THEN DELETE", []],
    ["MERGE d.calls T USING d.stage S ON T.id = S.id AND T.seen_at = S.seen_at WHEN MATCHED THEN DELETE", []],
    [
      "MERGE d.calls T USING d.stage S ON T.id = S.id AND T.seen_at BETWEEN '2026-01-01' AND @to WHEN MATCHED THEN DELETE",
      ["T.seen_at BETWEEN '2026-01-01' AND @to"],
    ],
    [
      `MERGE d.calls T USING d.stage S ON T.id = S.id AND DATE(T.seen_at) IN (DATE '2026-01-01', DATE '2026-01-02')
         WHEN NOT MATCHED BY SOURCE THEN DELETE`,
      [],
    ],
    [
      `MERGE d.calls T USING d.stage S ON T.id = S.id AND T.seen_at > '2026-01-01'
         WHEN NOT MATCHED BY SOURCE AND T.seen_at > '2026-01-02' THEN DELETE`,
      ["T.seen_at > '2026-01-01'", "T.seen_at > '2026-01-02'"],
    ],
    [
      "DELETE FROM d.calls WHERE id = 1 AND ('2026-01-01' <= seen_at AND seen_at < TIMESTAMP_ADD('2026-01-01', INTERVAL 1 DAY))",
      ["'2026-01-01' <= seen_at", "seen_at < TIMESTAMP_ADD('2026-01-01', INTERVAL 1 DAY)"],
    ],
    [
      "DELETE FROM d.calls WHERE seen_at = '2026-01-01' OR seen_at = '2026-02-01'",
      ["seen_at = '2026-01-01' OR seen_at = '2026-02-01'"],
    ],
    ["DELETE FROM d.calls WHERE seen_at = '2026-01-01' OR id = 1", []],
    ["DELETE FROM d.calls WHERE seen_at IN (SELECT seen_at FROM d.stage)", []],
    ["UPDATE d.by_arrival SET id = 1 WHERE _PARTITIONTIME >= '2026-01-01'", ["_PARTITIONTIME >= '2026-01-01'"]],
  ])("knows what holds a change to partitions: %s", async (sql, conditions) => {
    const parameters = [{ name: "to", parameterType: { type: "TIMESTAMP" } }];
    const [change] = await analyze(sql, { parameters });
    expect(change!.conditions).toEqual(conditions);
  });

  test("a change of a table without partitions says so", async () => {
    expect(await analyze("DELETE FROM d.stage WHERE TRUE")).toEqual([
      { kind: "DELETE", table: "p.d.stage", partitionedBy: undefined, conditions: [] },
    ]);
  });
});

await describeBigQuery("the SQL that goes to BigQuery", (server) => {
  test("is analyzed against the tables as they were when it was sent", async () => {
    await using dataset = await server.dataset();
    const client = server.client();
    const { name } = dataset;
    await client.query(`CREATE TABLE ${name}.t (id INT64, seen_at TIMESTAMP) PARTITION BY DATE(seen_at)`);
    await client.query(`CREATE TABLE ${name}.stage AS SELECT 1 AS id, CURRENT_TIMESTAMP() AS seen_at`);
    await client.query({
      query: "MERGE t T USING stage S ON T.id = S.id AND T.seen_at >= @from WHEN NOT MATCHED THEN INSERT ROW",
      params: { from: new Date(0) },
      types: { from: "TIMESTAMP" },
      defaultDataset: { datasetId: name },
    });
    await client.query(`SELECT table_name FROM ${name}.INFORMATION_SCHEMA.TABLES`);
    await client.query(`DROP TABLE ${name}.stage`);
    if (!server.analyzes) return;
    expect(await server.dml()).toEqual([
      { kind: "MERGE", table: "t", partitionedBy: "seen_at", conditions: ["T.seen_at >= @from"] },
    ]);
  });

  test.runIf(server.analyzes).fails("a test that sends what only the emulator takes fails", async () => {
    await using dataset = await server.dataset();
    const query = (sql: string) =>
      server
        .client()
        .query(sql)
        .catch(() => undefined); // so that it cannot fail by itself
    await query(`CREATE TABLE ${dataset.name}.t (id INT64, name STRING)`);
    await query(`INSERT ${dataset.name}.t (id, name) SELECT '1', '2'`);
  });

  test("an error that both find is the test's own affair", async () => {
    await expect(server.client().query("SELECT nope")).rejects.toThrow(/nope/);
    await expect(server.client().createQueryJob("SELECT nope")).rejects.toThrow(/nope/);
  });
});
