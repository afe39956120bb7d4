import { type JsonValue, isObject } from "../core/json.ts";

export interface Problem {
  readonly code?: string;
  readonly detail?: string;
}

/**
 * The code and the detail in an error's body: JSON:API `errors[]`, `{"error": …}` as text or object, `{"code",
 * "message"}`. Nothing for an empty body or a web page. At most 200 characters, and long runs that could be a token
 * are masked.
 */
export function readProblem(body: Buffer): Problem {
  let json: unknown;
  try {
    json = JSON.parse(body.toString("utf8", 0, 64 * 1024));
  } catch {
    return {};
  }
  if (!isObject(json)) return {};
  const listed: JsonValue | undefined = Array.isArray(json["errors"]) ? json["errors"][0] : undefined;
  const nested = listed ?? json["error"];
  if (typeof nested === "string") return problem(json["code"] ?? nested, json["detail"] ?? json["message"] ?? nested);
  const fields = isObject(nested) ? nested : json;
  return problem(fields["code"], fields["detail"] ?? fields["message"] ?? fields["title"]);
}

function problem(code: JsonValue | undefined, detail: JsonValue | undefined): Problem {
  const name = short(code);
  const shortCode = name !== undefined && /^[\w.:-]{1,60}$/.test(name) ? name : undefined;
  const shortDetail = short(detail);
  return {
    ...(shortCode === undefined ? {} : { code: shortCode }),
    ...(shortDetail === undefined || shortDetail === shortCode ? {} : { detail: shortDetail }),
  };
}

function short(value: JsonValue | undefined): string | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const text = String(value)
    .replace(/\s+/g, " ")
    .replace(/[\w.~+/=-]{24,}/g, "…")
    .trim();
  return text === "" ? undefined : text.slice(0, 200);
}
