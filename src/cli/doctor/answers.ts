import type { HttpResponse } from "../../http/send.ts";
import { openTransport, type Transport } from "../../http/transport.ts";

/** What the answers of a server tell beside their content. */
export interface Answers {
  /** How far the server's clock is ahead of ours, milliseconds; undefined when no answer had a date. */
  aheadMs: number | undefined;
  /** Headers of the last answer that had any about limits. */
  limits: Readonly<Record<string, string>>;
}

/** The network, with a note of what the answers tell. */
export function watchedTransport(answers: Answers): Transport {
  const transport = openTransport();
  return {
    async send(request) {
      const answer = await transport.send(request);
      note(answer, answers);
      return answer;
    },
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
}

function note({ headers }: HttpResponse, answers: Answers): void {
  const date = Date.parse(headers["date"] ?? "");
  if (!Number.isNaN(date)) answers.aheadMs = date - Date.now();
  const limits = Object.entries(headers).filter(([name]) => /^(x-)?rate-?limit/.test(name));
  if (limits.length > 0) answers.limits = Object.fromEntries(limits);
}
