/** A row of a CSV file, and the line on which it begins. */
export interface CsvRow {
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * Reads CSV, https://www.rfc-editor.org/rfc/rfc4180: quoted cells may hold delimiters, line breaks and doubled quotes.
 * Semicolons part the cells when the first line has them and no comma, as spreadsheets write in many countries. Empty
 * lines are left out. Throws SyntaxError with the line.
 */
export function parseCsv(content: string): CsvRow[] {
  const text = content.replace(/^\uFEFF/, "");
  const [head = ""] = text.split(/[\r\n]/, 1);
  const delimiter = head.includes(";") && !head.includes(",") ? ";" : ",";
  // A cell, and what ends it: the delimiter, a line break, or the end of the file.
  const cell = new RegExp(
    String.raw`(?:"((?:[^"]|"")*)"|([^"${delimiter}\r\n][^${delimiter}\r\n]*)?)(${delimiter}|\r\n|\r|\n|$)`,
    "y",
  );
  const rows: CsvRow[] = [];
  let line = 1;
  let cells: string[] = [];
  let begun = 1;
  while (cell.lastIndex < text.length || cells.length > 0) {
    const match = cell.exec(text);
    if (match === null) throw new SyntaxError(`line ${line}: a quote is not closed, or text follows it`);
    const [, quoted, bare = "", end] = match;
    cells.push(quoted === undefined ? bare : quoted.replaceAll('""', '"'));
    line += quoted?.match(/\r\n|\r|\n/g)?.length ?? 0;
    if (end === delimiter) continue;
    if (cells.some((one) => one.trim() !== "")) rows.push({ line: begun, cells });
    cells = [];
    begun = ++line;
    if (end === "") break;
  }
  return rows;
}
