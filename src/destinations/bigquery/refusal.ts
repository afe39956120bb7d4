import { EltError, type ErrorCode } from "../../core/errors.ts";

interface Facts {
  /** HTTP status; 0 when nothing was answered. */
  readonly status: number;
  /** https://cloud.google.com/bigquery/docs/error-messages */
  readonly reason: string;
  readonly message: string;
}

/** What the API, a job, or the way to it has failed with. */
export class ApiFailure extends Error {
  readonly status: number;
  readonly reason: string;
  /** The request was answered, and what it started has failed. */
  readonly isOfJob: boolean;

  constructor({ status, reason, message }: Facts, what: string, { cause, isOfJob = false }: Options = {}) {
    super(`BigQuery: ${what}: ${withoutValues(message)}${reason === "" ? "" : ` (${reason})`}`, { cause });
    this.name = "ApiFailure";
    this.status = status;
    this.reason = reason;
    this.isOfJob = isOfJob;
  }

  /** From an ErrorProto. https://cloud.google.com/bigquery/docs/reference/rest/v2/ErrorProto */
  static ofJob({ reason = "", message = "failed" }: ErrorProto, jobId: string): ApiFailure {
    const facts = { status: 200, reason, message };
    return new ApiFailure(facts, `job ${jobId}`, { isOfJob: true });
  }
}

interface ErrorProto {
  readonly reason?: string;
  readonly message?: string;
}

interface Options {
  readonly cause?: unknown;
  readonly isOfJob?: boolean;
}

/** Whatever the driver throws, as an ApiFailure. `what` is the request, without its content. */
export function failureOf(cause: unknown, what: string): ApiFailure {
  if (cause instanceof ApiFailure) return cause;
  const error = cause as { code?: unknown; errors?: { reason?: string }[]; message?: unknown } | undefined;
  const status = typeof error?.code === "number" ? error.code : 0;
  const reason = error?.errors?.[0]?.reason ?? (typeof error?.code === "string" ? error.code : "");
  return new ApiFailure({ status, reason, message: String(error?.message ?? cause) }, what, { cause });
}

/** What comes before a value in BigQuery's messages. */
const BEFORE_VALUE = [
  /\bbad \w+ value(?: in expression)?/,
  /\b(?:could not|couldn't|cannot|can't|failed to|unable to) (?:parse|convert|cast|coerce)\b/,
  /\binvalid (?:timestamp|date|datetime|time|interval|numeric|bignumeric|bool|json|u?int64|double|float64|value|input)\b/,
  /\binvalid \w+ (?:value|string|literal)/,
  /\bunparseable\b/,
  /\b(?:overflow|out of range|division by zero)\b/,
  /\b(?:row|value|input|last read)s?:/,
].map(({ source }) => source);
const FROM_VALUE = new RegExp(`(${BEFORE_VALUE.join("|")}).*`, "i");

/** The first line of what BigQuery says, without the values in it: they can be somebody's words. */
function withoutValues(message: string): string {
  const [line = ""] = message.split("\n");
  return line
    .replace(FROM_VALUE, "$1 …")
    .replace(/'[^']{25,}'|"[^"]{25,}"|'[^'\s]*\s[^']*'|"[^"\s]*\s[^"]*"/g, "'…'")
    .slice(0, 400);
}

const PASSING_STATUS = [408, 429, 500, 502, 503, 504];
/** https://cloud.google.com/bigquery/docs/error-messages#errortable */
const PASSING_REASONS = [
  "backendError",
  "internalError",
  "jobBackendError",
  "jobInternalError",
  "rateLimitExceeded",
  "jobRateLimitExceeded",
  "quotaExceeded",
  "tableUnavailable",
  "ECONNRESET",
  "ECONNREFUSED",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "EAI_AGAIN",
  "ERR_STREAM_PREMATURE_CLOSE",
];

/** True for what is over when it is tried again. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof ApiFailure)) return false;
  if (PASSING_STATUS.includes(error.status) && error.reason !== "jobTimeout") return true;
  if (PASSING_REASONS.includes(error.reason)) return true;
  // https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency
  if (/concurrent (?:update|modif)|could not serialize access/i.test(error.message)) return true;
  return error.status === 0 && /socket hang up|network|fetch failed|terminated|ECONN/i.test(error.message);
}

export const isGone = (error: unknown): boolean =>
  error instanceof ApiFailure && (error.status === 404 || error.reason === "notFound");

/** What was to be made is there: made by somebody else, or by us when the answer was lost. */
export const isThereAlready = (error: unknown): boolean =>
  error instanceof ApiFailure && (error.status === 409 || error.reason === "duplicate");

/** What is thrown by our own statement when another run has claimed the pipeline. */
export const FENCED = "chorus-elt: fenced";
/** The same, when another pipeline has committed into the dataset. */
export const OVERTAKEN = "chorus-elt: overtaken";

export const isOvertaken = (error: unknown): boolean =>
  error instanceof ApiFailure && error.message.includes(OVERTAKEN);

const SIGN_IN =
  "set `credentials_path` or `credentials_json` to the key of a service account, or sign in with `gcloud auth application-default login`";

/** What is said of credentials that are not there, and what to do then. */
const CREDENTIALS: readonly (readonly [RegExp, string])[] = [
  [/unable to detect a project id/i, "no project is known: set `project`, or credentials that name one"],
  [/could not load the default credentials/i, `there are no credentials: ${SIGN_IN}`],
  [/ENOENT|EACCES|EISDIR/, "the key file cannot be read: check `credentials_path`, or GOOGLE_APPLICATION_CREDENTIALS"],
];

/** Any error of this destination as the one that the user reads. */
export function asRefusal(error: unknown): unknown {
  if (!(error instanceof ApiFailure)) return error;
  const missing =
    error.status === 401
      ? `there are no credentials, or they were refused: ${SIGN_IN}`
      : CREDENTIALS.find(([said]) => said.test(error.message))?.[1];
  if (missing !== undefined)
    return new EltError("CONFIG_INVALID", `BigQuery: ${missing}`, { cause: error.cause ?? error });
  return new EltError(codeOf(error), error.message, { cause: error.cause ?? error });
}

function codeOf({ status, reason, message }: ApiFailure): ErrorCode {
  if (message.includes(FENCED)) return "WAREHOUSE_FENCED";
  if (reason === "bytesBilledLimitExceeded") return "WAREHOUSE_BILL_LIMIT";
  if (reason === "quotaExceeded" || reason === "rateLimitExceeded" || status === 429) return "WAREHOUSE_QUOTA";
  if (reason === "accessDenied" || reason === "billingNotEnabled" || status === 403) return "WAREHOUSE_FORBIDDEN";
  if (status === 0 || status >= 500 || status === 404) return "WAREHOUSE_UNREACHABLE";
  return "WAREHOUSE_REFUSED";
}
