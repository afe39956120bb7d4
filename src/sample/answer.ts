import { Body } from "./body.ts";

/** What a route answers, before the server writes it. */
export interface Answer {
  readonly status: number;
  readonly body: Body;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request as the routes see it. */
export interface Ask {
  /** The parts of the path that the route's template leaves open, in their order. */
  readonly parameters: readonly string[];
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The parsed JSON body; undefined when there is none. */
  readonly json?: unknown;
}

export interface Route {
  readonly method: "GET" | "POST";
  /** E.g. `/api/v1/calls/{id}`. */
  readonly template: string;
  /** Of its answers, refusals among them; plain JSON when absent. */
  readonly mediaType?: string;
  answer(ask: Ask): Answer;
}

/** An answer that is not a success, in the API's form for errors. */
export class Refusal extends Error {
  readonly answer: Answer;

  constructor(
    status: number,
    code: string,
    detail: string,
    options: { parameter?: string; headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.answer = refusal(status, code, detail, options);
  }
}

/** `{"errors":[{"id","status","code","title","detail","source"}]}`, in the manner of JSON:API. */
export function refusal(
  status: number,
  code: string,
  detail: string,
  { parameter, headers = {} }: { parameter?: string; headers?: Record<string, string> } = {},
): Answer {
  const title = code.charAt(0).toUpperCase() + code.slice(1).replaceAll("_", " ");
  const source = parameter === undefined ? {} : { source: { parameter } };
  const error = { id: `${status}-${code}`, status: String(status), code, title, detail, ...source };
  return { status, headers, body: new Body(JSON.stringify({ errors: [error] })) };
}

export function json(value: unknown): Answer {
  return { status: 200, body: new Body(JSON.stringify(value)) };
}
