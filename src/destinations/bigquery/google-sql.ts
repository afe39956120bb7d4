import { literal, quote } from "./types.ts";

/** Words of the SQL that our databases have in common, and what GoogleSQL calls them. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\$(\d+)/g, "@p$1"],
  [/\bTIMESTAMP\s+WITH\s+TIME\s+ZONE\b/gi, "TIMESTAMP"],
  [/\bDOUBLE\s+PRECISION\b/gi, "FLOAT64"],
  [/\b(?:TEXT|VARCHAR)(?=\s*\))/gi, "STRING"],
  [/\b(?:BIGINT|INTEGER)(?=\s*\))/gi, "INT64"],
  [/\bBOOLEAN(?=\s*\))/gi, "BOOL"],
];

/** The epoch of a column, as `epochMs` asks for it. */
const EPOCH = /\bEXTRACT\s*\(\s*EPOCH\s+FROM\s+((?:[^()`]|`(?:[^`\\]|\\.)*`)+)\)/gi;
/** A value as the text of its JSON, which GoogleSQL does not cast to a text. */
const JSON_TEXT = /\bCAST\s*\(\s*to_json\s*\(((?:[^()`]|`[^`]*`)+)\)\s+AS\s+TEXT\s*\)/gi;
const CATALOG = /\binformation_schema\.(columns|tables)\b/gi;
/** A list of rows in a FROM, with an alias that has names of its own. */
const VALUES = /\(\s*VALUES\s+([^]*)\)\s+AS\s+(\w+)\(([^)]*)\)/i;

/**
 * The SQL that our databases have in common as GoogleSQL: quoted names and texts as it writes them, `$1` as `@p1`, types
 * in casts by its names, the tables and columns of this dataset, rows of values, the epoch of an instant, and the text of JSON.
 * What is quoted is not looked into.
 */
export function toGoogleSql(sql: string, dataset: string): string {
  // Quoted parts are taken out first, so that no word in them is one of SQL's.
  const quoted: string[] = [];
  const plain = sql.replace(/"(?:[^"]|"")*"|'(?:[^']|'')*'/g, (part) => {
    const text = part.slice(1, -1);
    quoted.push(part.startsWith('"') ? quote(text.replaceAll('""', '"')) : literal(text.replaceAll("''", "'")));
    return `\`${quoted.length - 1}\``;
  });
  const translated = WORDS.reduce(
    (text, [from, to]) => text.replace(from, to),
    plain.replace(JSON_TEXT, "TO_JSON_STRING($1)"),
  )
    .replace(EPOCH, "(UNIX_MICROS($1) / 1000000)")
    .replace(CATALOG, (_, view: string) => `${quote(dataset)}.INFORMATION_SCHEMA.${view.toUpperCase()}`)
    .replace(
      VALUES,
      (_, rows: string, alias: string, names: string) => `UNNEST([${structs(rows, names)}]) AS ${alias}`,
    );
  return translated.replace(/`(\d+)`/g, (_, place: string) => quoted[Number(place)] ?? "");
}

/** Rows of values as structs; the first one names the fields. */
function structs(rows: string, names: string): string {
  const [first = "", ...rest] = parts(rows);
  const columns = names.split(",").map((name) => name.trim());
  const named = parts(first.slice(1, -1)).map((value, i) => `${value} AS ${columns[i] ?? ""}`);
  return [`STRUCT(${named.join(", ")})`, ...rest].join(", ");
}

/** What stands between the commas that are in no brackets. */
function parts(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at <= text.length; at++) {
    const letter = text[at] ?? ",";
    if (letter === "(") depth++;
    else if (letter === ")") depth--;
    else if (letter === "," && depth === 0) {
      found.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  return found;
}
