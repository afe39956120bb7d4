/** Rows in columns of one width each, the first row being the heading; columns of numbers are put to the right. */
export function textTable(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => width(row[i] ?? ""))));
  const isNumber = widths.map((_, i) => rows.slice(1).every((row) => /^[\d.,]+( %)?$/.test(row[i] ?? "")));
  return rows.map((row) => {
    const padded = row.map((cell, i) => {
      const fill = " ".repeat((widths[i] ?? 0) - width(cell));
      return isNumber[i] === true ? fill + cell : cell + fill;
    });
    return `  ${padded.join("  ").trimEnd()}`;
  });
}

/** `1,234`. */
export function shown(count: number): string {
  return count.toLocaleString("en", { maximumFractionDigits: 0 });
}

/** `1 day`, `1,234 days`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${shown(count)} ${count === 1 ? one : many}`;
}

/** Characters as a reader counts them. */
const width = (text: string) => Array.from(new Intl.Segmenter().segment(text)).length;
