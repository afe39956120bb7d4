import { parseJson, type JsonObject, type JsonValue } from "../../core/json.ts";
import type { Session } from "./session.ts";

const PAGE = 1_000;

/**
 * The rows of a query as JSON, page by page: whole numbers of 64 bits, decimals, dates and instants are texts, JSON is
 * parsed. A statement that is no query is run as it is.
 */
export async function* rowsAsJson(
  session: Session,
  sql: string,
  values: readonly unknown[],
): AsyncIterable<JsonObject> {
  if (!/^\s*(?:select|with|values|table)\b/i.test(sql)) {
    await session.run(sql, values);
    return;
  }
  await session.run("BEGIN READ ONLY");
  try {
    await session.run(`DECLARE page NO SCROLL CURSOR FOR ${sql}`, values);
    for (;;) {
      const { names, types, rows } = await session.table(`FETCH ${PAGE} FROM page`);
      for (const row of rows) yield Object.fromEntries(row.map((text, i) => [names[i], asJson(text, types[i])]));
      if (rows.length < PAGE) break;
    }
  } finally {
    await session.run("ROLLBACK").catch(() => undefined); // the connection may be what failed
  }
}

/** Type oids, which are the same on every server. https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat */
function asJson(text: string | null, type: number | undefined): JsonValue {
  if (text === null) return null;
  switch (type) {
    case 16: // boolean
      return text === "t";
    case 21: // smallint
    case 23: // integer
    case 700: // real
    case 701: // double precision
      return Number(text);
    case 114: // json
    case 3802: // jsonb
      return parseJson(text);
    default:
      return text;
  }
}
