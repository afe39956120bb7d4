import { createHash } from "node:crypto";
import type { Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import type { State } from "../../core/message.ts";
import type { SourceMessage } from "../../core/source.ts";
import { HttpError } from "../../http/verdict.ts";
import { hasEnded, type RunAnswer } from "./answer.ts";
import type { Api, Heard } from "./api.ts";
import type { Config } from "./config.ts";
import { concurrently } from "./concurrently.ts";
import type { RunRow, SemarizeStream } from "./define.ts";
import type { Due, Work } from "./due.ts";
import { Durations } from "./durations.ts";
import type { Spool } from "./spool.ts";

interface Parts {
  readonly config: Config;
  readonly api: Api;
  readonly spool: Spool;
  readonly env: Env;
  readonly streams: readonly SemarizeStream[];
  readonly state: State;
}

/** What was done, for the log. */
interface Tally {
  sent: number;
  ended: number;
  failed: number;
  left: number;
  refused: number;
}

/** An unfinished run of an earlier execution, or a transcript to send. */
type Job = { readonly kind: "follow"; readonly row: RunRow } | { readonly kind: "send"; readonly due: Due };

type Say = (messages: readonly SourceMessage[]) => Promise<void>;

/** So many requests in a row that got nowhere mean that the API is down. */
const FAILURES_IN_A_ROW = 3;

/**
 * Follows the runs that earlier executions left, then sends what is due, `concurrency` runs on their way at a time. A run
 * is said when it was accepted and again when it has ended, each time with a state: what the warehouse then holds is the
 * ledger that the next execution reads. A refused transcript is told of and stays due; the others go on.
 */
export async function* evaluate(work: Work, parts: Parts): AsyncGenerator<SourceMessage> {
  const tally: Tally = { sent: 0, ended: 0, failed: 0, left: 0, refused: 0 };
  const run = new Evaluation(parts, tally);
  const jobs: Job[] = [
    ...work.unfinished.map((row): Job => ({ kind: "follow", row })),
    ...work.due.map((due): Job => ({ kind: "send", due })),
  ];
  const said = concurrently<Job, readonly SourceMessage[]>(jobs, parts.config.concurrency, (job, say) =>
    run.work(job, say),
  );
  try {
    for await (const messages of said) yield* messages;
  } catch (error) {
    if (!isStopping(parts.env)) throw error; // asked to stop: what is on its way is for the next execution
  }
  parts.env.log.info(
    `${tally.sent} runs sent, ${tally.ended} ended (${tally.failed} of them failed or were cancelled), ${tally.left} are still on their way`,
  );
  if (tally.refused > 0) {
    const message = `${tally.refused} runs were refused by the API or got no answer; see the warnings above`;
    yield { type: "failure", stream: "semarize_runs", error: new EltError("STREAM_INCOMPLETE", message) };
  }
}

class Evaluation {
  readonly #parts: Parts;
  readonly #tally: Tally;
  readonly #durations = new Durations();
  readonly #unknownKits = new Set<string>();
  #lost = 0; // requests in a row that got no usable answer

  constructor(parts: Parts, tally: Tally) {
    this.#parts = parts;
    this.#tally = tally;
  }

  async work(job: Job, say: Say): Promise<void> {
    const { env } = this.#parts;
    if (isStopping(env)) return;
    const callId = job.kind === "send" ? job.due.callId : job.row.call_id;
    try {
      await (job.kind === "send" ? this.#send(job.due, say) : this.#follow(job.row, undefined, say));
      this.#lost = 0;
    } catch (error) {
      if (isStopping(env) || !this.#isOfThisRun(error)) throw error;
      this.#tally.refused++;
      env.log.warn(`a run did not come about: ${withoutDetail(error)}`, { call_id: callId });
    }
  }

  /** False for what will meet every other run as well. */
  #isOfThisRun(error: unknown): error is HttpError {
    if (!(error instanceof HttpError)) return false;
    if (error.status === 401 || error.status === 403 || error.retry === "limited") return false;
    return error.retry !== "transient" || ++this.#lost < FAILURES_IN_A_ROW;
  }

  async #send(due: Due, say: Say): Promise<void> {
    const { api, spool, config, env } = this.#parts;
    const { kit } = due;
    if (this.#unknownKits.has(kit.id)) return;
    const key = idempotencyKey(due, config);
    const submittedAt = new Date(env.clock.now()).toISOString();
    let heard: Heard;
    try {
      heard = await api.submit(kit, await spool.text(due.text), key);
    } catch (error) {
      if (!(error instanceof HttpError && error.status === 404)) throw error;
      const message = `Semarize does not know the kit "${kit.id}"; see \`kits\``;
      const unknown = new EltError("CONFIG_INVALID", message, { cause: error });
      if (this.#unknownKits.has(kit.id)) return;
      this.#unknownKits.add(kit.id);
      await say([{ type: "failure", stream: "semarize_runs", error: unknown }]);
      return;
    }
    this.#tally.sent++;
    const row: RunRow = {
      run_id: heard.run.runId,
      call_id: due.callId,
      platform: due.platform,
      kit: kit.id,
      kit_code: "kit_code" in kit.wire ? kit.wire.kit_code : heard.run.kitCode,
      kit_version_id: "kit_version_id" in kit.wire ? kit.wire.kit_version_id : heard.run.kitVersionId,
      kit_name: kit.name ?? null,
      run_type: config.run_type,
      mode: config.mode,
      attempt: due.attempt,
      transcript_hash: due.transcriptHash,
      source_hash: due.sourceHash,
      idempotency_key: key,
      transcript_characters: due.characters,
      call_started_at: due.startedMs === null ? null : new Date(due.startedMs).toISOString(),
      submitted_at: heard.run.createdAt ?? submittedAt,
    };
    await this.#follow(row, heard, say);
  }

  /** Asks how a run is until it has ended, or `run_timeout_seconds` are over. */
  async #follow(row: RunRow, first: Heard | undefined, say: Say): Promise<void> {
    const { api, env, config } = this.#parts;
    const kit = row.kit;
    const since = env.clock.now();
    let heard = first !== undefined && hasEnded(first.run) && !first.run.isWhole ? undefined : first;
    if (heard !== undefined && !hasEnded(heard.run)) await say(this.#messages(row, heard.run));
    while (heard === undefined || !hasEnded(heard.run)) {
      const ageMs = env.clock.now() - since;
      if (ageMs > config.run_timeout_seconds * 1_000) {
        this.#tally.left++;
        return;
      }
      if (heard !== undefined) {
        await env.clock.sleep(Math.max(this.#durations.wait(kit, ageMs), heard.waitMs ?? 0), env.signal);
      }
      const runId = row.run_id;
      heard = (await api.run(runId)) ?? { run: vanished(runId), waitMs: undefined };
    }
    if (first !== undefined) this.#durations.note(kit, heard.run.durationMs ?? env.clock.now() - since);
    this.#tally.ended++;
    if (heard.run.status !== "succeeded") {
      this.#tally.failed++;
      env.log.warn(`a run ${heard.run.status}: ${heard.run.errorCode ?? "no reason given"}`, {
        call_id: row.call_id,
        kit,
      });
    }
    await say(this.#messages(row, heard.run));
  }

  /** The run as rows of all streams, and a state that covers them. */
  #messages(row: RunRow, answer: RunAnswer): SourceMessage[] {
    const { streams, env, state } = this.#parts;
    const extractedAt = env.clock.now();
    const finished = hasEnded(answer) ? (answer.finishedAt ?? new Date(extractedAt).toISOString()) : null;
    const whole: RunRow = {
      ...row,
      kit_code: row["kit_code"] ?? answer.kitCode,
      kit_version_id: row["kit_version_id"] ?? answer.kitVersionId,
      status: answer.status,
      finished_at: finished,
      duration_ms: answer.durationMs,
      error_code: answer.errorCode,
      error_message: answer.errorMessage,
      updated_at: new Date(extractedAt).toISOString(),
    };
    const children = streams.filter(({ parent }) => parent !== undefined).map(({ name }) => name);
    const messages: SourceMessage[] = streams.flatMap((stream) =>
      stream.rows({ row: whole, answer }).map((record): SourceMessage => ({
        type: "record",
        stream: stream.name,
        record,
        extractedAt,
        ...(stream.parent === undefined ? { clears: children } : {}),
      })),
    );
    const bookmark = { last_heard_at: new Date(extractedAt).toISOString() }; // for people: the warehouse is what counts
    messages.push({ type: "state", state: { ...state, bookmarks: { semarize_runs: bookmark } } });
    return messages;
  }
}

const isStopping = ({ signal }: Env) => signal.aborted;

/** What went wrong, without the API's own words: they may quote what was sent. */
function withoutDetail({ status, reason }: HttpError): string {
  return status === 0
    ? "Semarize did not answer"
    : `Semarize answered ${status}${reason === undefined ? "" : ` (${reason})`}`;
}

/** What to say of a run that the API has forgotten; `max_attempts` decides whether the transcript is sent again. */
function vanished(runId: string): RunAnswer {
  const nothing = { kitCode: null, kitVersionId: null, createdAt: null, finishedAt: null, durationMs: null };
  const errorMessage = "Semarize does not know this run any more";
  return { runId, status: "failed", ...nothing, errorCode: "run_not_found", errorMessage, bricks: [], isWhole: true };
}

/**
 * The same for the same text, kit, type of run and attempt, and for nothing else: `chorus:{call_id}:{kit}:{16 hex digits
 * of the text's hash}`, with what is unusual behind it. At most 254 characters, as the API asks.
 */
export function idempotencyKey(
  { platform, callId, kit, transcriptHash, attempt }: Omit<Due, "text" | "characters" | "startedMs" | "sourceHash">,
  { run_type: type }: Pick<Config, "run_type">,
): string {
  const parts = [platform, callId, kit.id, transcriptHash.slice(0, 16)];
  if (type !== "api") parts.push(type);
  if (attempt > 1) parts.push(String(attempt));
  const key = parts.join(":");
  if (key.length <= 254 && /^[\x21-\x7e]*$/.test(key)) return key;
  return `${platform === "chorus" ? platform : "other"}:${createHash("sha256").update(key).digest("hex")}`;
}
