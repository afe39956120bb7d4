import { randomUUID } from "node:crypto";
import { isObject, type JsonObject } from "../../../src/core/json.ts";
import type { Call } from "./call.ts";
import { errorAnswer, errorProto } from "./faults.ts";

type Answer = { status: number; json: JsonObject };

/** Jobs that were made to fail: the emulator knows nothing of them, so whoever asks for one is answered here. */
export class BrokenJobs {
  readonly #jobs = new Map<string, { readonly id: string; readonly done: JsonObject; readonly reason: string }>();

  /** Starts one in place of the job that the call asks for. */
  start(call: Call, reason: string, message?: string): Answer {
    if (call.method === "jobs.query") return errorAnswer(reason);
    const projectId = call.parameters["projectId"] ?? "";
    const reference = isObject(call.body?.["jobReference"]) ? call.body["jobReference"] : {};
    const jobId = call.jobId ?? randomUUID();
    const id = `${projectId}:US.${jobId}`;
    const error = errorProto(reason, message);
    const job: JsonObject = {
      kind: "bigquery#job",
      id,
      jobReference: { location: "US", ...reference, projectId, jobId },
      configuration: call.body?.["configuration"] ?? {},
      statistics: { creationTime: String(Date.now()), startTime: String(Date.now()) },
    };
    this.#jobs.set(jobId, {
      id,
      reason,
      done: { ...job, status: { state: "DONE", errorResult: error, errors: [error] } },
    });
    return { status: 200, json: { ...job, status: { state: "RUNNING" } } };
  }

  /** The answer to a call about one of these jobs; undefined when it is about something else. */
  answer({ method, jobId }: Call): Answer | undefined {
    const job = jobId === undefined ? undefined : this.#jobs.get(jobId);
    if (job === undefined) return undefined;
    if (method === "jobs.insert") return errorAnswer("duplicate", 409, `Already Exists: Job ${job.id}`);
    if (method === "jobs.getQueryResults") return errorAnswer(job.reason);
    if (method === "jobs.cancel") return { status: 200, json: { kind: "bigquery#jobCancelResponse", job: job.done } };
    return { status: 200, json: job.done };
  }
}
