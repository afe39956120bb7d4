import { randomUUID } from "node:crypto";
import { EltError } from "../../core/errors.ts";
import { merge, prepareMerge, type Merged } from "./merge.ts";
import { recordOf } from "./read-line.ts";
import { isAboutRow, reasonOf } from "./refusal.ts";
import type { LoadOptions, Rejected } from "../../core/destination.ts";
import type { Session } from "./session.ts";
import type { PostgresRows, PostgresSegment } from "./stage.ts";
import type { Staging } from "./staging-tables.ts";
import type { Target } from "./target.ts";

/** More than this in a batch is no bad row here and there: the run ends. */
const MOST_REFUSED = 1_000;

export interface CarefullyMerged extends Merged {
  readonly refused: readonly Omit<Rejected, "schema">[];
}

/**
 * Merges the rows that the database takes, and gives back those that it refuses: a constraint of the user's own, a row
 * that is too large for a page. Halves of halves are tried, so one bad row costs some fifteen statements.
 */
export async function mergeCarefully(
  session: Session,
  rows: PostgresRows,
  target: Target,
  staging: Staging,
  options: LoadOptions,
): Promise<CarefullyMerged> {
  const refused: Omit<Rejected, "schema">[] = [];
  const total = { loaded: 0, removed: 0 };
  const mergePart = async (part: PostgresRows) => {
    const { loaded, removed } = await merge(session, part, target, staging, options);
    total.loaded += loaded;
    total.removed += removed;
  };
  const tryLines = async (segment: PostgresSegment, lines: readonly Buffer[], from: number, to: number) => {
    const [before, restore] = [{ ...target }, staging.mark()];
    await session.run("SAVEPOINT part");
    try {
      await mergePart(partOf(rows, segment, lines, from, to));
      await session.run("RELEASE part");
    } catch (error) {
      if (!isAboutRow(error)) throw error;
      await session.run("ROLLBACK TO part; RELEASE part");
      restore();
      Object.assign(target, before);
      if (to - from > 1) {
        const middle = (from + to) >> 1;
        await tryLines(segment, lines, from, middle);
        await tryLines(segment, lines, middle, to);
        return;
      }
      refused.push(refusedRow(rows, segment, lines, from, error));
      if (refused.length > MOST_REFUSED) throw tooMany(rows.stream, error);
    }
  };
  await mergePart({ ...rows, segments: [], rows: 0, activate: undefined }); // the table, and sets that start
  for (const segment of rows.segments) {
    const lines = linesOf(segment.buffer.chunks());
    // Each layout is compared with the table for itself.
    if (segment.plan !== rows.plan) target.ready = undefined;
    else await prepareMerge(session, { ...rows, segments: [segment] }, target, staging, options);
    if (lines.length > 0) await tryLines(segment, lines, 0, lines.length);
  }
  if (rows.activate !== undefined) await mergePart({ ...rows, segments: [], rows: 0, isPart: true });
  return { ...total, refused };
}

/** Lines `from` up to `to` of a segment, as a batch of their own. */
function partOf(
  rows: PostgresRows,
  segment: PostgresSegment,
  lines: readonly Buffer[],
  from: number,
  to: number,
): PostgresRows {
  const { columns, keepsAbsent, absences, firstSequence } = segment.buffer;
  const within = absences.filter(({ row }) => row >= from && row < to).map((one) => ({ ...one, row: one.row - from }));
  const buffer = {
    columns,
    rows: to - from,
    keepsAbsent,
    absences: within,
    firstSequence,
    chunks: () => [Buffer.concat(lines.slice(from, to))],
  };
  const part = { ...segment, buffer, firstRow: segment.firstRow + from };
  return { ...rows, segments: [part], rows: to - from, isPart: true, continuesSet: true, activate: undefined };
}

function linesOf(chunks: Iterable<Buffer>): Buffer[] {
  const lines: Buffer[] = [];
  for (const chunk of chunks) {
    for (let from = 0; from < chunk.length;) {
      const end = chunk.indexOf(0x0a, from) + 1; // a line feed within a value is escaped, and no line is cut
      lines.push(chunk.subarray(from, end));
      from = end;
    }
  }
  return lines;
}

function refusedRow(
  { stream }: PostgresRows,
  segment: PostgresSegment,
  lines: readonly Buffer[],
  at: number,
  error: unknown,
): Omit<Rejected, "schema"> {
  const absent = segment.buffer.absences.find(({ row }) => row === at)?.places ?? [];
  return {
    id: randomUUID(),
    stream,
    reason: `refused by the database: ${reasonOf(error)}`,
    line: 0, // rows do not carry the number of the line that they came in
    row: segment.firstRow + at + 1, // it was given a sequence of its own
    payload: recordOf(lines[at] ?? Buffer.alloc(0), segment.plan, absent),
  };
}

const tooMany = (stream: string, cause: unknown) =>
  new EltError(
    "WAREHOUSE_REFUSED",
    `more than ${MOST_REFUSED} rows of stream "${stream}" in one batch: ${reasonOf(cause)}`,
    { cause, stream },
  );
