/** What a caller can do about an error. Layers above the one that threw read this and nothing else. */
export type Recovery =
  | "fix-config" // the user changes a setting, then runs again
  | "fix-source" // the program that feeds us (tap, API) must change
  | "retry-later" // nothing is wrong here; the same command works later
  | "report-bug"; // we did not expect this

interface Code {
  /** Process exit code, unique for each code. 1 is kept for what nobody foresaw, 2 for wrong usage. */
  readonly exit: number;
  readonly recovery: Recovery;
  readonly hint: string;
}

/** Every error this program ends with. `npm run gen` writes docs/errors.md from this table. */
export const CODES = {
  UNEXPECTED: {
    exit: 1,
    recovery: "report-bug",
    hint: "This is a defect in chorus-elt. Please report it with the lines above.",
  },
  USAGE: { exit: 2, recovery: "fix-config", hint: "See `--help`." },

  CONFIG_UNREADABLE: {
    exit: 10,
    recovery: "fix-config",
    hint: "Check the path given to `--config` or `--input`, and that a config is JSON.",
  },
  CONFIG_INVALID: { exit: 11, recovery: "fix-config", hint: "Correct the named setting; `--about` lists them all." },
  CATALOG_INVALID: {
    exit: 12,
    recovery: "fix-config",
    hint: "Write a fresh catalog with `--discover` and select again.",
  },
  STATE_UNREADABLE: {
    exit: 13,
    recovery: "fix-config",
    hint: "The state file is not what a target printed. Use the last line that the target wrote, or run `chorus-elt state show`.",
  },
  STATE_VERSION: {
    exit: 14,
    recovery: "fix-config",
    hint: "The state was written by a newer chorus-elt or for another API flavour. Upgrade, or start without `--state` to read everything again.",
  },

  API_UNAUTHORIZED: {
    exit: 20,
    recovery: "fix-config",
    hint: "The token was refused. Check `api_token` and `auth_scheme`; a token can expire.",
  },
  API_FORBIDDEN: {
    exit: 21,
    recovery: "fix-config",
    hint: "The token may not call this route. API access depends on the Chorus plan and the user's role; deselect the stream or ask an admin.",
  },
  API_BUSY: {
    exit: 22,
    recovery: "retry-later",
    hint: "The API asked us to slow down for longer than we wait. Run again later; the state continues where this run stopped.",
  },
  API_UNAVAILABLE: {
    exit: 23,
    recovery: "retry-later",
    hint: "The API did not answer. Check `api_url` and the network, then run again; the state continues where this run stopped.",
  },
  API_REFUSED: {
    exit: 24,
    recovery: "report-bug",
    hint: "The API refused a request as malformed. Please report it with the request path.",
  },
  API_ANSWER_INVALID: {
    exit: 25,
    recovery: "report-bug",
    hint: "The API answered in a form we do not know. Please report it with the request path.",
  },
  API_PAGING_STUCK: {
    exit: 26,
    recovery: "report-bug",
    hint: "The API repeats the same page whatever offset is asked. Nothing past that page can be read safely.",
  },
  STREAM_INCOMPLETE: {
    exit: 27,
    recovery: "retry-later",
    hint: "Part of the data could not be read; its bookmark stays where it was. See the errors above, then run again.",
  },

  MEETING_FILE_INVALID: {
    exit: 28,
    recovery: "fix-source",
    hint: "A transcript file is not WebVTT as Zoom and Teams export it, or is too large. Export it again, or take it out of the folder; all others were read.",
  },

  API_BUDGET_SPENT: {
    exit: 29,
    recovery: "retry-later",
    hint: "The requests of `daily_request_quota` are used up. The state continues where this run stopped; the next UTC day has a new budget.",
  },

  LINE_NOT_JSON: {
    exit: 30,
    recovery: "fix-source",
    hint: "Only Singer messages may arrive on standard input. Does the tap print something else on stdout?",
  },
  MESSAGE_UNKNOWN: {
    exit: 31,
    recovery: "fix-source",
    hint: "This target reads SCHEMA, RECORD, STATE, ACTIVATE_VERSION and BATCH.",
  },
  MESSAGE_INVALID: {
    exit: 32,
    recovery: "fix-source",
    hint: "The tap's message lacks a part that the Singer specification asks for.",
  },
  SCHEMA_INVALID: { exit: 33, recovery: "fix-source", hint: "The tap's JSON Schema cannot be used." },
  RECORD_BEFORE_SCHEMA: {
    exit: 34,
    recovery: "fix-source",
    hint: "The tap must send a SCHEMA before the first RECORD of a stream.",
  },
  RECORD_WITHOUT_KEY: {
    exit: 35,
    recovery: "fix-source",
    hint: "Records without their key properties were put aside in the table `_rejected`. Correct the tap and load them with `chorus-elt replay`, or raise `max_rejected`.",
  },
  RECORDS_REJECTED: {
    exit: 36,
    recovery: "fix-source",
    hint: "Records that do not fit were put aside in the table `_rejected`; all others are loaded. Correct the source and load them with `chorus-elt replay`, or raise `max_rejected`.",
  },
  BATCH_FILE_UNREADABLE: {
    exit: 37,
    recovery: "fix-source",
    hint: "A file of a BATCH message must be there until it is loaded, be whole, and hold one JSON object a line. Does this target see the tap's folder?",
  },
  BATCH_UNSUPPORTED: {
    exit: 38,
    recovery: "fix-source",
    hint: "Set the tap's `batch_config` to what this target reads: local files, format `jsonl`, compression `gzip` or `none`.",
  },

  WAREHOUSE_LOCKED: {
    exit: 40,
    recovery: "retry-later",
    hint: "Another process holds the database file, the pipeline or a table. Let it end, or raise `lock_timeout_seconds`.",
  },
  WAREHOUSE_UNREACHABLE: {
    exit: 41,
    recovery: "fix-config",
    hint: "Check `path` and the permissions of its folder, or the server's address, TLS settings and credentials.",
  },
  WAREHOUSE_REFUSED: {
    exit: 42,
    recovery: "retry-later",
    hint: "The database refused a statement; the batch was rolled back and no state passed it. See the cause, then run again.",
  },
  WAREHOUSE_FENCED: {
    exit: 43,
    recovery: "retry-later",
    hint: "Another run with the same `state_id` has taken over; what this one had not committed is the other's to load. Give each pipeline a `state_id` of its own.",
  },
  WAREHOUSE_FULL: {
    exit: 44,
    recovery: "retry-later",
    hint: "The database has no room left; the batch was rolled back and no state passed it. Make room, then run again.",
  },
  WAREHOUSE_READ_ONLY: {
    exit: 45,
    recovery: "retry-later",
    hint: "The database takes no writes: a standby, or set to read-only. Connect to the primary.",
  },
  WAREHOUSE_FORBIDDEN: {
    exit: 46,
    recovery: "fix-config",
    hint: "The role lacks a privilege; docs/postgres.md and docs/bigquery.md list the grants that are needed.",
  },

  CRASH_MATRIX_FAILED: {
    exit: 50,
    recovery: "report-bug",
    hint: "After a kill the database did not hold what a clean run leaves. Please report it with the lines that begin with FAILED.",
  },

  TOOLCHAIN_MISSING: {
    exit: 51,
    recovery: "fix-config",
    hint: "The models run by dbt, which needs Python 3.10 or later and the Python package index, or a mirror of it, once.",
  },
  DBT_FAILED: {
    exit: 52,
    recovery: "fix-source",
    hint: "See what dbt said above. Models that do not depend on what failed are built.",
  },
  CALLS_VANISHED: {
    exit: 53,
    recovery: "fix-config",
    hint: "So many calls are gone at once that the token's user has more likely lost access to them. Nothing was marked as deleted. Give access back, or raise `max_deleted_share` when they were deleted indeed.",
  },
  VERIFY_DIFFERS: {
    exit: 54,
    recovery: "retry-later",
    hint: "Run the tap first, since calls change; what still differs then `chorus-elt verify --repair` reads again.",
  },
  DOCTOR_FAILED: {
    exit: 55,
    recovery: "fix-config",
    hint: "The lines that begin with FAIL say what to do.",
  },

  RUN_LOCKED: {
    exit: 58,
    recovery: "retry-later",
    hint: "A run with the same lock goes on. Let it end, wait for it with `--wait 10m`, or give each pipeline a `lock` of its own.",
  },

  WAREHOUSE_QUOTA: {
    exit: 56,
    recovery: "retry-later",
    hint: "A quota of BigQuery is used up. Nothing of the batch was committed; run again later, and with larger batches or less often. `chorus-elt plan` counts what a schedule needs.",
  },
  WAREHOUSE_BILL_LIMIT: {
    exit: 57,
    recovery: "fix-config",
    hint: "A statement would bill more than `maximum_bytes_billed`, so it was not run and nothing of the batch was committed. Raise it, or let `dry_run_cost` tell which statement it is.",
  },
} as const satisfies Record<string, Code>;

export type ErrorCode = keyof typeof CODES;

/**
 * An error with a code, and so with a hint and an exit code. The message says what happened, with names and counts,
 * never with tokens, spoken text or whole lines.
 */
export class EltError extends Error {
  readonly code: ErrorCode;
  /** The stream it is about, where there is one. */
  readonly stream: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; stream?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "EltError";
    this.code = code;
    this.stream = options.stream;
  }

  get recovery(): Recovery {
    return CODES[this.code].recovery;
  }

  get hint(): string {
    return CODES[this.code].hint;
  }
}

/** Any thrown thing as an EltError: ours as it is, everything else as UNEXPECTED with itself as cause. */
export function asEltError(error: unknown): EltError {
  if (error instanceof EltError) return error;
  return new EltError("UNEXPECTED", error instanceof Error ? error.message : String(error), { cause: error });
}
