import { isExact, isObject, printJson, type JsonObject, type JsonValue } from "../../core/json.ts";

/** A run as the API tells of it; what it does not say is null. */
export interface RunAnswer {
  readonly runId: string;
  /** In lower case: `queued`, `running`, `succeeded`, `failed`, `cancelled`, or a word we do not know. */
  readonly status: string;
  readonly kitCode: string | null;
  readonly kitVersionId: string | null;
  readonly createdAt: string | null;
  readonly finishedAt: string | null;
  readonly durationMs: number | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly bricks: readonly Brick[];
  /** False when it says neither results nor why there are none: the answer to a POST may name a run that has ended, bare. */
  readonly isWhole: boolean;
}

interface Brick {
  readonly key: string;
  readonly value: BrickValue;
  readonly confidence: number | null;
  readonly reason: string | null;
  /** Pieces of evidence, one a line. */
  readonly evidence: string | null;
}

type BrickValue =
  | { readonly kind: "boolean"; readonly boolean: boolean }
  | { readonly kind: "number"; readonly number: JsonValue }
  | { readonly kind: "string"; readonly string: string }
  | { readonly kind: "list"; readonly items: readonly string[] }
  /** A form that the API does not document, as JSON. */
  | { readonly kind: "other"; readonly string: string }
  | { readonly kind: null };

const ENDED = new Set(["succeeded", "failed", "cancelled"]);

/** True when nothing more will become of the run. */
export const hasEnded = ({ status }: Pick<RunAnswer, "status">) => ENDED.has(status);

/**
 * Reads a run. Undefined when it names no run. Bricks are found under `output.bricks` and under `bricks`, as an object by
 * key or as a list; each is an object with `value`, or the value itself.
 */
export function readRun(json: JsonValue | undefined): RunAnswer | undefined {
  if (!isObject(json)) return undefined;
  const fields = isObject(json["run"]) ? json["run"] : json;
  const runId = textOf(fields["run_id"] ?? fields["id"]);
  if (runId === null) return undefined;
  const output = isObject(fields["output"]) ? fields["output"] : {};
  const status = (textOf(fields["status"]) ?? "queued").toLowerCase();
  return {
    runId,
    status: status === "canceled" ? "cancelled" : status,
    kitCode: textOf(fields["kit_code"] ?? output["kit_code"]),
    kitVersionId: textOf(fields["kit_version_id"] ?? output["kit_version_id"]),
    createdAt: instantOf(fields["created_at"]),
    finishedAt: instantOf(fields["finished_at"] ?? fields["completed_at"]),
    durationMs: typeof fields["duration_ms"] === "number" ? fields["duration_ms"] : null,
    errorCode: textOf(fields["error_code"]),
    errorMessage: textOf(fields["error_message"] ?? fields["error_user_message"]),
    bricks: readBricks(output["bricks"] ?? fields["bricks"]),
    isWhole: ["output", "bricks", "error_code"].some((name) => name in fields),
  };
}

function readBricks(given: JsonValue | undefined): Brick[] {
  if (Array.isArray(given)) {
    return given.filter(isObject).flatMap((one) => {
      const key = textOf(one["key"] ?? one["brick_key"] ?? one["name"]);
      return key === null ? [] : [readBrick(key, one)];
    });
  }
  if (!isObject(given)) return [];
  return Object.entries(given).map(([key, one]) => readBrick(key, one ?? null));
}

function readBrick(key: string, given: JsonValue): Brick {
  const fields: JsonObject = isObject(given) && "value" in given ? given : { value: given };
  const confidence = fields["confidence"];
  return {
    key,
    value: readValue(fields["value"]),
    confidence: typeof confidence === "number" ? confidence : null,
    reason: textOf(fields["reason"]),
    evidence: [fields["evidence"]].flat().map(pieceOf).filter(Boolean).join("\n") || null,
  };
}

function readValue(value: JsonValue | undefined): BrickValue {
  if (value === null || value === undefined) return { kind: null };
  if (typeof value === "boolean") return { kind: "boolean", boolean: value };
  if (typeof value === "number" || isExact(value)) return { kind: "number", number: value };
  if (typeof value === "string") return { kind: "string", string: value };
  if (Array.isArray(value)) return { kind: "list", items: value.map(pieceOf) };
  return { kind: "other", string: printJson(value) };
}

/** A piece of a list: text as it is, anything else as JSON. */
function pieceOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : value === null || value === undefined ? "" : printJson(value);
}

function textOf(value: JsonValue | undefined): string | null {
  if (typeof value === "string") return value === "" ? null : value;
  return typeof value === "number" ? String(value) : null;
}

function instantOf(value: JsonValue | undefined): string | null {
  const ms = typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}
