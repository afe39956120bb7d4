import { once } from "node:events";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { setTimeout as later } from "node:timers/promises";
import type { BigQuery } from "@google-cloud/bigquery";
import type { Env } from "../../core/env.ts";
import type { BigqueryConfig } from "./config.ts";
import { authClientOf, keysOf } from "./credentials.ts";
import { ApiFailure, failureOf, isGone, isPassing, isThereAlready } from "./refusal.ts";

/** A resource of the REST API, as far as we look into it. https://cloud.google.com/bigquery/docs/reference/rest */
export type Json = { readonly [key: string]: unknown };

/** A job that has ended well. https://cloud.google.com/bigquery/docs/reference/rest/v2/Job */
export interface Job extends Json {
  readonly jobReference: { readonly jobId: string; readonly location?: string };
  readonly status: { readonly state: string; readonly errorResult?: unknown };
  readonly statistics?: {
    readonly totalBytesProcessed?: string;
    readonly query?: { readonly totalBytesBilled?: string };
  };
}

interface Request {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below `projects/<project>`. */
  readonly path: string;
  readonly body?: object;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
}

/** How often something is asked, and how often a job that failed for a passing reason is sent again. */
const TRIES = 8;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 32_000;
/** Rows of an answer, and how long one is waited for. */
const PAGE = 10_000;
const LONGEST_CALL_MS = 30_000;
const POLL_MS = [50, 100, 200, 400, 800, 1_500, 2_000];

/**
 * The requests that we send, each asked again after a passing failure. A job has an id of our choosing, so that asking
 * for it twice runs it once. Throws ApiFailure.
 */
export class Client {
  readonly project: string;
  readonly #bigquery: BigQuery;
  readonly #config: BigqueryConfig;
  readonly #env: Env;
  /** Where the dataset is, once that is known. */
  location: string;

  private constructor(bigquery: BigQuery, project: string, config: BigqueryConfig, env: Env) {
    this.#bigquery = bigquery;
    this.project = project;
    this.#config = config;
    this.#env = env;
    this.location = config.location;
  }

  /** Loads the driver and finds out the project; nothing is asked of the API yet. */
  static async open(config: BigqueryConfig, env: Env): Promise<Client> {
    const { default: driver } = await import("@google-cloud/bigquery");
    const authClient = await authClientOf(config);
    const options = {
      ...(config.project === undefined ? {} : { projectId: config.project }),
      ...keysOf(config),
      ...(config.api_endpoint === undefined ? {} : { apiEndpoint: config.api_endpoint }),
      ...(authClient === undefined ? {} : { authClient }),
      autoRetry: false, // what is asked again, and how often, is decided here
    };
    const bigquery = new driver.BigQuery(options);
    try {
      return new Client(bigquery, config.project ?? (await bigquery.getProjectId()), config, env);
    } catch (cause) {
      throw failureOf(cause, "finding the project");
    }
  }

  request(request: Request): Promise<Json> {
    return this.#again(() => this.#send(request));
  }

  /** The resource, or undefined when there is none. */
  async find(path: string): Promise<Json | undefined> {
    try {
      return await this.request({ method: "GET", path });
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /** All pages of a list. */
  async *list(path: string, field: string): AsyncIterable<Json> {
    let pageToken: string | null | undefined;
    do {
      const query = { maxResults: 1_000, ...(pageToken ? { pageToken } : {}) };
      const page = await this.request({ method: "GET", path, query });
      yield* (page[field] ?? []) as Json[];
      pageToken = page["nextPageToken"] as string | null | undefined;
    } while (pageToken);
  }

  /**
   * Runs a job to its end. `id` says what it does: the same id is the same job, so a request whose answer was lost is
   * repeated without harm. When it fails for a passing reason it is sent again under the next id, unless `isDone`, which
   * is asked first, says that it has done its work.
   */
  async job(id: string, configuration: object, isDone?: () => Promise<boolean>): Promise<Job | undefined> {
    return this.#attempts(id, isDone, (jobId) =>
      this.#send({
        method: "POST",
        path: "/jobs",
        body: { configuration, jobReference: { projectId: this.project, jobId, location: this.location } },
      }),
    );
  }

  /** Loads a local file into a table. `load` is a JobConfigurationLoad without source and table. */
  async load(id: string, file: string, dataset: string, table: string, load: object): Promise<void> {
    const destination = this.#bigquery.dataset(dataset).table(table, { location: this.location });
    await this.#attempts(id, undefined, async (jobId) => {
      // Not `createLoadJob`: it puts the location where the API has no such field, and cannot say that the file is gone.
      const upload = destination.createWriteStream_({ ...load, jobId });
      try {
        const [said] = await Promise.all([
          once(upload, "job"),
          pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), upload),
        ]);
        return (said as [{ metadata: Job }])[0].metadata;
      } catch (cause) {
        throw failureOf(cause, "POST upload");
      }
    });
  }

  /**
   * The rows of a query: every value a text, null, or a list or record of such. `body` is a QueryRequest. It changes
   * nothing, so it is asked again as it is.
   */
  async *query(body: object): AsyncIterable<{ fields: readonly Field[]; row: readonly Cell[] }> {
    const formatOptions = { useInt64Timestamp: true };
    const common = { location: this.location, maxResults: PAGE, formatOptions, timeoutMs: LONGEST_CALL_MS };
    let page = await this.request({ method: "POST", path: "/queries", body: { ...body, ...common } });
    const { jobId } = page["jobReference"] as Job["jobReference"];
    for (;;) {
      const fields = ((page["schema"] as Json | undefined)?.["fields"] ?? []) as readonly Field[];
      for (const { f } of (page["rows"] ?? []) as readonly { f: readonly { v: Cell }[] }[]) {
        yield { fields, row: f.map(({ v }) => v) };
      }
      const pageToken = page["pageToken"] as string | null | undefined;
      const isLast = pageToken === undefined || pageToken === null || pageToken === "";
      if (page["jobComplete"] !== false && isLast) return;
      const query = {
        location: this.location,
        maxResults: PAGE,
        timeoutMs: LONGEST_CALL_MS,
        "formatOptions.useInt64Timestamp": true,
        ...(isLast ? {} : { pageToken }),
      };
      page = await this.request({ method: "GET", path: `/queries/${jobId}`, query });
    }
  }

  async #attempts(
    id: string,
    isDone: (() => Promise<boolean>) | undefined,
    start: (jobId: string) => Promise<object>,
  ): Promise<Job | undefined> {
    for (let attempt = 1; ; attempt++) {
      const jobId = attempt === 1 ? id : `${id}_${attempt}`;
      try {
        const started = await this.#again(() => start(jobId)).catch((error: unknown) => {
          if (!isThereAlready(error)) throw error; // otherwise the answer to an earlier request was lost
        });
        return await this.#ended(jobId, started as Job | undefined);
      } catch (error) {
        if (attempt >= TRIES || !(error instanceof ApiFailure && error.isOfJob && isPassing(error))) throw error;
        if ((await isDone?.()) === true) return undefined;
        this.#env.log.warn(`${(error as Error).message}; trying again`);
        await this.#wait(attempt);
      }
    }
  }

  /** Waits until a job has ended. Throws the failure that it ended with. */
  async #ended(jobId: string, started: Job | undefined): Promise<Job> {
    const until = this.#env.clock.now() + this.#config.job_timeout_seconds * 1_000;
    const query = { location: this.location };
    let job = started;
    for (let polls = 0; ; polls++) {
      job ??= (await this.request({ method: "GET", path: `/jobs/${jobId}`, query })) as unknown as Job;
      if (job.status.state === "DONE") {
        if (job.status.errorResult === undefined || job.status.errorResult === null) return job;
        throw ApiFailure.ofJob(job.status.errorResult, jobId);
      }
      if (this.#env.clock.now() > until) {
        const message = `had not ended after ${this.#config.job_timeout_seconds} seconds`;
        throw new ApiFailure({ status: 504, reason: "jobTimeout", message }, `job ${jobId}`);
      }
      job = undefined;
      await later(POLL_MS[polls] ?? POLL_MS.at(-1));
    }
  }

  /** Sends until it is answered. */
  async #again<T>(send: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await send();
      } catch (error) {
        if (tries >= TRIES || !isPassing(error)) throw error;
        this.#env.log.debug(`${(error as Error).message}; asking again`);
        await this.#wait(tries);
      }
    }
  }

  async #send({ method, path, body, query }: Request): Promise<Json> {
    const request = {
      method,
      uri: path,
      ...(body === undefined ? {} : { json: body }),
      ...(query === undefined ? {} : { qs: query }),
    };
    return new Promise((resolve, reject) => {
      this.#bigquery.request(request, (cause, answer: unknown) => {
        if (cause === null) resolve((answer ?? {}) as Json);
        else reject(failureOf(cause, `${method} ${path}`));
      });
    });
  }

  /** A random part of a time that doubles. */
  async #wait(tries: number): Promise<void> {
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tries - 1));
    await this.#env.clock.sleep(Math.round(longest * (0.5 + Math.random() / 2)), this.#env.signal);
  }
}

/** A cell as the API gives it. */
export type Cell = string | null | Cell[] | { readonly f: readonly { readonly v: Cell }[] } | { readonly v: Cell };

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly mode?: string;
  readonly description?: string;
  readonly fields?: readonly Field[];
}
