import { createHash } from "node:crypto";
import type { Reader } from "../../core/destination.ts";
import { EltError } from "../../core/errors.ts";
import type { Log } from "../../core/log.ts";
import { kitsOf, type Config, type Kit } from "./config.ts";
import type { RunRow } from "./define.ts";
import { fullText, renderTranscript, type Turn } from "./render.ts";
import type { Spool, Spooled } from "./spool.ts";
import { epochMs, ORIGINS, Tables, textIn, type Origin } from "./tables.ts";

/** A run that is to be sent. */
export interface Due {
  readonly kit: Kit;
  readonly callId: string;
  readonly platform: string;
  readonly startedMs: number | null;
  /** `transcript_hash` of the transcript in the warehouse. */
  readonly sourceHash: string;
  /** SHA-256 (hex) of the text that is sent. */
  readonly transcriptHash: string;
  readonly characters: number;
  readonly attempt: number;
  readonly text: Spooled;
}

/** What one kit has to do. */
interface Share {
  readonly kit: Kit;
  /** Conversations without a run of this kit. */
  readonly waiting: number;
  /** Those of them that are sent in this execution. */
  readonly runs: number;
}

export interface Work {
  readonly due: readonly Due[];
  readonly shares: readonly Share[];
  /** Rows of `semarize_runs` whose run had not ended when it was last heard of. */
  readonly unfinished: readonly RunRow[];
}

/** A conversation that a kit has not seen, before its text is read. */
interface Candidate {
  readonly kit: Kit;
  readonly origin: Origin;
  readonly callId: string;
  readonly platform: string;
  readonly startedMs: number | null;
  readonly sourceHash: string;
  readonly attempt: number;
}

const TEXTS_AT_ONCE = 100;

/**
 * Looks into the warehouse for conversations that have a transcript and, for a kit, no run of that transcript; the
 * newest first, `max_runs` of them. Their texts go to the spool. Throws CONFIG_INVALID when nothing was loaded there.
 */
export async function findWork(
  reader: Reader,
  schema: string,
  config: Config,
  { spool, log }: { spool: Spool; log: Log },
): Promise<Work> {
  const tables = await Tables.of(reader, schema);
  const origins = ORIGINS.filter(
    ({ conversations, transcripts }) => tables.has(conversations) && tables.has(transcripts),
  );
  if (origins.length === 0) {
    const message = `the schema "${schema}" of the warehouse has neither calls and transcripts nor meetings; see \`warehouse\``;
    throw new EltError("CONFIG_INVALID", message);
  }
  const candidates: Candidate[] = [];
  const waiting = new Map<string, number>();
  for (const kit of kitsOf(config)) {
    for (const origin of origins) {
      if (origin.platform !== undefined && kit.platforms?.includes(origin.platform) === false) continue;
      const found = await candidatesOf(reader, tables, { kit, origin, config });
      candidates.push(...found.candidates);
      waiting.set(kit.id, (waiting.get(kit.id) ?? 0) + found.total);
    }
  }
  const newestFirst = (a: Candidate, b: Candidate) =>
    (b.startedMs ?? -Infinity) - (a.startedMs ?? -Infinity) || (a.callId < b.callId ? -1 : a.callId > b.callId ? 1 : 0);
  const chosen = candidates.sort(newestFirst).slice(0, config.max_runs);
  const due = await readTexts(reader, tables, chosen, { spool, log });
  const shares = kitsOf(config).map((kit) => ({
    kit,
    waiting: waiting.get(kit.id) ?? 0,
    runs: due.filter((one) => one.kit.id === kit.id).length,
  }));
  return { due, shares, unfinished: await unfinishedRuns(reader, tables) };
}

async function candidatesOf(
  reader: Reader,
  tables: Tables,
  { kit, origin, config }: { kit: Kit; origin: Origin; config: Config },
): Promise<{ candidates: Candidate[]; total: number }> {
  const values: unknown[] = [];
  const value = (one: unknown) => `$${values.push(one)}`;
  const { conversations, transcripts, id } = origin;
  const of = (column: string) => tables.column(conversations, "c", column);
  const platform = origin.platform === undefined ? of("platform") : `'${origin.platform}'`;
  const hash = tables.column(transcripts, "t", "transcript_hash");
  const conditions = [
    `${tables.column(transcripts, "t", "status")} = 'ready'`,
    `${hash} IS NOT NULL`,
    `coalesce(${tables.column(transcripts, "t", "word_count")}, 1) > 0`, // where nobody spoke there is nothing to judge
    tables.alive(conversations, "c"),
    tables.alive(transcripts, "t"),
    ...filters(kit, { tables, origin, value }),
  ];
  let runs = "";
  let attempts = "0";
  if (tables.has("semarize_runs")) {
    // Runs that failed or were cancelled leave room for another attempt; any other is the one there shall be.
    runs = `LEFT JOIN (
      SELECT r.call_id, r.source_hash, max(r.attempt) AS attempts,
             max(CASE WHEN r.status IN ('failed', 'cancelled') THEN 0 ELSE 1 END) AS settled
      FROM ${tables.name("semarize_runs")} r
      WHERE r.kit = ${value(kit.id)} AND r.run_type = ${value(config.run_type)} AND ${tables.alive("semarize_runs", "r")}
      GROUP BY r.call_id, r.source_hash
    ) done ON done.call_id = c."${id}" AND done.source_hash = ${hash}`;
    attempts = "coalesce(done.attempts, 0)";
    conditions.push("coalesce(done.settled, 0) = 0");
    conditions.push(`${attempts} < CAST(${value(config.max_attempts)} AS INTEGER)`);
  }
  const sql = `
    SELECT c."${id}" AS call_id, ${platform} AS platform, ${epochMs(of("started_at"))} AS started_ms, ${hash} AS source_hash,
           CAST(${attempts} AS INTEGER) AS attempts, count(*) OVER () AS total
    FROM ${tables.name(conversations)} c
    JOIN ${tables.name(transcripts)} t ON t."${id}" = c."${id}"
    ${runs}
    WHERE ${conditions.join("\n      AND ")}
    ORDER BY ${of("started_at") === "NULL" ? "" : `${of("started_at")} DESC NULLS LAST,`} c."${id}"
    LIMIT ${Math.max(1, config.max_runs)}`;
  const candidates: Candidate[] = [];
  let total = 0;
  for await (const row of reader.query(sql, values)) {
    total = Number(row["total"]);
    candidates.push({
      kit,
      origin,
      callId: textIn(row["call_id"]),
      platform: typeof row["platform"] === "string" ? row["platform"] : "other",
      startedMs: row["started_ms"] === null ? null : Number(row["started_ms"]),
      sourceHash: textIn(row["source_hash"]),
      attempt: Number(row["attempts"]) + 1,
    });
  }
  return { candidates, total };
}

/** The conditions of a kit's filters. What is not known is not left out, but for `since`. */
function filters(
  kit: Kit,
  { tables, origin, value }: { tables: Tables; origin: Origin; value: (one: unknown) => string },
): string[] {
  const of = (column: string) => tables.column(origin.conversations, "c", column);
  const list = (words: readonly string[]) => words.map((word) => value(word.toLowerCase())).join(", ");
  const atLeast = (column: string, least: number) => {
    const number = `CAST(${column} AS DOUBLE PRECISION)`;
    return `(${number} >= CAST(${value(least)} AS DOUBLE PRECISION) OR ${number} IS NULL)`;
  };
  const conditions: string[] = [];
  if (hasSome(kit.call_types)) conditions.push(`lower(${of("call_type")}) IN (${list(kit.call_types)})`);
  if (hasSome(kit.platforms) && origin.platform === undefined)
    conditions.push(`lower(${of("platform")}) IN (${list(kit.platforms)})`);
  if (hasSome(kit.teams)) {
    const team = of("owner_team_id");
    const named = `SELECT m."team_id" FROM ${tables.name("teams")} m WHERE lower(${tables.column("teams", "m", "name")}) IN (${list(kit.teams)})`;
    const byName = tables.has("teams") ? ` OR ${team} IN (${named})` : "";
    conditions.push(`(lower(${team}) IN (${list(kit.teams)})${byName})`);
  }
  if (kit.min_duration_seconds !== undefined)
    conditions.push(atLeast(of("duration_seconds"), kit.min_duration_seconds));
  if (kit.min_words !== undefined) {
    conditions.push(atLeast(tables.column(origin.transcripts, "t", "word_count"), kit.min_words));
  }
  if (kit.since !== undefined) {
    const since = value(`${kit.since.slice(0, 10)}T00:00:00Z`);
    conditions.push(
      `CAST(${of("started_at")} AS TIMESTAMP WITH TIME ZONE) >= CAST(${since} AS TIMESTAMP WITH TIME ZONE)`,
    );
  }
  return conditions;
}

const hasSome = (words: readonly string[] | undefined): words is readonly string[] =>
  words !== undefined && words.length > 0;

/** Reads the texts of candidates, each once however many kits want it. */
async function readTexts(
  reader: Reader,
  tables: Tables,
  candidates: readonly Candidate[],
  { spool, log }: { spool: Spool; log: Log },
): Promise<Due[]> {
  const due: Due[] = [];
  const wanted = new Map<Origin, Map<string, Candidate[]>>();
  for (const one of candidates) {
    const calls = wanted.get(one.origin) ?? new Map<string, Candidate[]>();
    wanted.set(one.origin, calls);
    const kits = calls.get(one.callId);
    if (kits === undefined) calls.set(one.callId, [one]);
    else kits.push(one);
  }
  let unsettled = 0;
  for (const [origin, calls] of wanted) {
    const ids = [...calls.keys()];
    for (let from = 0; from < ids.length; from += TEXTS_AT_ONCE) {
      const texts = await textsOf(reader, tables, origin, ids.slice(from, from + TEXTS_AT_ONCE));
      for (const id of ids.slice(from, from + TEXTS_AT_ONCE)) {
        const found = texts.get(id);
        const kits = calls.get(id) ?? [];
        if (found === undefined || kits.some(({ sourceHash }) => sourceHash !== found.sourceHash)) {
          unsettled++;
          continue;
        }
        if (found.text === "") continue; // nobody said a word
        const text = await spool.add(found.text);
        const transcriptHash = createHash("sha256").update(found.text).digest("hex");
        for (const { kit, callId, platform, startedMs, sourceHash, attempt } of kits) {
          const characters = found.text.length;
          due.push({ kit, callId, platform, startedMs, sourceHash, transcriptHash, characters, attempt, text });
        }
      }
    }
  }
  if (unsettled > 0) log.info(`${unsettled} transcripts are still being loaded; they are for the next execution`);
  return due;
}

/**
 * The texts of some conversations. One is missing when its turns are not those of its transcript: a load that was cut
 * short between the two must not be sent, paid for, and taken for the whole.
 */
async function textsOf(
  reader: Reader,
  tables: Tables,
  { transcripts, utterances, id }: Origin,
  ids: readonly string[],
): Promise<Map<string, { sourceHash: string; text: string }>> {
  const places = ids.map((_, i) => `$${i + 1}`).join(", ");
  const turns = new Map<string, (Turn & { place: number })[]>();
  if (tables.has(utterances)) {
    const of = (column: string) => tables.column(utterances, "u", column);
    const sql = `
      SELECT u."${id}" AS id, CAST(${of("utterance_index")} AS INTEGER) AS place,
             ${of("speaker")} AS speaker, ${of("role")} AS role, ${of("text")} AS text
      FROM ${tables.name(utterances)} u
      WHERE u."${id}" IN (${places}) AND ${tables.alive(utterances, "u")}`;
    // Put in order here: a database would hold all of them in memory for it, beside what we hold.
    for await (const { id: call, place, speaker, role, text } of reader.query(sql, ids)) {
      const turn = {
        place: Number(place),
        speaker: textOrNull(speaker),
        role: textOrNull(role),
        text: textOrNull(text),
      };
      const known = turns.get(textIn(call));
      if (known === undefined) turns.set(textIn(call), [turn]);
      else known.push(turn);
    }
    for (const said of turns.values()) said.sort((a, b) => a.place - b.place);
  }
  const versions = await versionsOf(reader, tables, { transcripts, utterances, id }, places, ids);
  const unsure = [...versions].filter(([, { isWhole }]) => isWhole === undefined).map(([call]) => call);
  const wholes = await wholeTexts(reader, tables, { transcripts, id }, unsure);
  const found = new Map<string, { sourceHash: string; text: string }>();
  for (const [call, { sourceHash, isWhole }] of versions) {
    const said = turns.get(call) ?? [];
    const whole = wholes.get(call) ?? null;
    const text = tables.has(utterances) ? renderTranscript(said) : (whole ?? "");
    if (isWhole ?? (whole === null || !tables.has(utterances) || fullText(said) === whole)) {
      found.set(call, { sourceHash, text });
    }
  }
  return found;
}

/**
 * Of each transcript its hash, and whether its turns are of the same version: as many as it says, and read from the
 * source in the same moment. Undefined where it is not known when they were read.
 */
async function versionsOf(
  reader: Reader,
  tables: Tables,
  { transcripts, utterances, id }: Pick<Origin, "transcripts" | "utterances" | "id">,
  places: string,
  ids: readonly string[],
): Promise<Map<string, { sourceHash: string; isWhole: boolean | undefined }>> {
  const of = (column: string) => tables.column(transcripts, "t", column);
  const turn = (column: string) => tables.column(utterances, "u", column);
  const counted = tables.has(utterances)
    ? `SELECT u."${id}" AS id, count(*) AS turns,
              min(${epochMs(turn("_sdc_extracted_at"))}) AS first_ms, max(${epochMs(turn("_sdc_extracted_at"))}) AS last_ms
       FROM ${tables.name(utterances)} u
       WHERE u."${id}" IN (${places}) AND ${tables.alive(utterances, "u")} GROUP BY u."${id}"`
    : "SELECT CAST(NULL AS TEXT) AS id, NULL AS turns, NULL AS first_ms, NULL AS last_ms";
  const sql = `
    SELECT t."${id}" AS id, ${of("transcript_hash")} AS source_hash, ${of("utterance_count")} AS wanted, counted.turns,
           ${epochMs(of("_sdc_extracted_at"))} AS read_ms, counted.first_ms, counted.last_ms
    FROM ${tables.name(transcripts)} t
    LEFT JOIN (${counted}) counted ON counted.id = t."${id}"
    WHERE t."${id}" IN (${places})`;
  const found = new Map<string, { sourceHash: string; isWhole: boolean | undefined }>();
  for await (const row of reader.query(sql, ids)) {
    const [readMs, firstMs, lastMs] = [row["read_ms"], row["first_ms"], row["last_ms"]];
    const isKnown = readMs !== null && firstMs !== null;
    const isSame = readMs === firstMs && readMs === lastMs && Number(row["turns"]) === Number(row["wanted"]);
    found.set(textIn(row["id"]), { sourceHash: textIn(row["source_hash"]), isWhole: isKnown ? isSame : undefined });
  }
  return found;
}

/** `full_text` of these transcripts, where there is such a column. */
async function wholeTexts(
  reader: Reader,
  tables: Tables,
  { transcripts, id }: Pick<Origin, "transcripts" | "id">,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const column = tables.column(transcripts, "t", "full_text");
  if (ids.length === 0 || column === "NULL") return texts;
  const places = ids.map((_, i) => `$${i + 1}`).join(", ");
  const sql = `SELECT t."${id}" AS id, ${column} AS full_text FROM ${tables.name(transcripts)} t WHERE t."${id}" IN (${places})`;
  for await (const row of reader.query(sql, ids)) {
    if (typeof row["full_text"] === "string") texts.set(textIn(row["id"]), row["full_text"]);
  }
  return texts;
}

const textOrNull = (value: unknown) => (typeof value === "string" ? value : null);

async function unfinishedRuns(reader: Reader, tables: Tables): Promise<RunRow[]> {
  if (!tables.has("semarize_runs")) return [];
  const texts = [
    "run_id", "call_id", "platform", "kit", "kit_code", "kit_version_id", "kit_name", "status", "run_type", "mode",
    "transcript_hash", "source_hash", "idempotency_key",
  ]; // prettier-ignore
  const numbers = ["attempt", "transcript_characters"];
  const instants = ["call_started_at", "submitted_at"];
  const of = (column: string) => tables.column("semarize_runs", "r", column);
  const columns = [
    ...[...texts, ...numbers].map((column) => `${of(column)} AS ${column}`),
    ...instants.map((column) => `${epochMs(of(column))} AS ${column}`),
  ];
  const sql = `SELECT ${columns.join(", ")} FROM ${tables.name("semarize_runs")} r
    WHERE r.status NOT IN ('succeeded', 'failed', 'cancelled') AND ${tables.alive("semarize_runs", "r")} ORDER BY r.run_id`;
  const rows: RunRow[] = [];
  for await (const row of reader.query(sql)) {
    for (const column of numbers) if (row[column] !== null) row[column] = Number(row[column]);
    for (const column of instants) {
      if (row[column] !== null) row[column] = new Date(Number(row[column])).toISOString();
    }
    rows.push({ ...row, run_id: textIn(row["run_id"]), call_id: textIn(row["call_id"]), kit: textIn(row["kit"]) });
  }
  return rows;
}
