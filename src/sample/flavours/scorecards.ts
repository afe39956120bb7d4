import type { JsonObject } from "../../core/json.ts";
import type { Account } from "../account.ts";
import { Refusal, type Ask } from "../answer.ts";
import { scorecards, type Scorecard } from "../scorecards.ts";
import type { PublicId } from "./calls-wire.ts";
import { readInteger } from "./window.ts";

const MOMENT = String.raw`\*|\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?`;
const RANGE = new RegExp(`^(${MOMENT}):(${MOMENT})$`);
const DAY_MS = 86_400_000;

/** A page of scorecards, as resources; `n` is the number of the call. */
export function scorecardPage(account: Account, { query }: Ask, id: PublicId): { n: number; row: JsonObject }[] {
  const size = readInteger(query, "page[size]", 20, 1);
  if (size > 100) throw new Refusal(400, "invalid_parameter", "page[size] is at most 100", { parameter: "page[size]" });
  const number = readInteger(query, "page[number]", 1, 1);
  const { fromMs, toMs } = readSubmitted(query);
  return scorecards(account, account.visible())
    .filter(({ submittedMs }) => submittedMs >= fromMs && submittedMs <= toMs)
    .slice((number - 1) * size, number * size)
    .map((card) => ({ n: card.held.n, row: resource(account, card, id) }));
}

/** `filter[submitted]`, `from:to`, where `*` is open. */
function readSubmitted(query: URLSearchParams): { fromMs: number; toMs: number } {
  const text = query.get("filter[submitted]") ?? "*:*";
  const [, from = "", to = ""] = RANGE.exec(text) ?? [];
  const fromMs = from === "*" ? -Infinity : instant(from, 0);
  const toMs = to === "*" ? Infinity : instant(to, DAY_MS - 1);
  if (Number.isNaN(fromMs) || Number.isNaN(toMs)) {
    const parameter = "filter[submitted]";
    throw new Refusal(400, "invalid_parameter", `${parameter} must be from:to, * for an open end`, { parameter });
  }
  return { fromMs, toMs };
}

function instant(text: string, intoDayMs: number): number {
  if (!text.includes("T")) return Date.parse(text) + intoDayMs;
  return Date.parse(/(?:Z|[+-]\d{2}:?\d{2})$/.test(text) ? text : `${text}Z`);
}

function resource(account: Account, card: Scorecard, id: PublicId): JsonObject {
  const { owner } = account.shown(card.held);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    id: id(card.id),
    type: "scorecard",
    attributes: {
      engagement_id: id(card.held.call.id),
      name: "Call quality",
      submitted: new Date(card.submittedMs).toISOString(),
      scorer: { user_id: id(card.scorer.userId), name: card.scorer.name, email: card.scorer.email },
      rep: owner === null ? null : { user_id: id(owner.userId), name: owner.name, email: owner.email },
      overall_score: sum(card.scores.map(({ value }) => value)),
      max_score: sum(card.scores.map(({ maxValue }) => maxValue)),
      comment: card.comment,
      scores: card.scores.map(({ id: own, name, value, maxValue, comment }) => ({
        id: id(own),
        name,
        value,
        max_value: maxValue,
        comment,
      })),
    },
  };
}
