import type { Answer } from "../answer.ts";
import { Body } from "../body.ts";

/** An error in Semarize's form: `{error, message, retry_after_seconds?}`. */
export function flat(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const after = headers["retry-after"];
  const wait = after === undefined ? {} : { retry_after_seconds: Number(after) };
  return { status, headers, body: new Body(JSON.stringify({ error: code, message, ...wait })) };
}
