import { EltError } from "../core/errors.ts";
import { ACCESS, type Account } from "./account.ts";
import { json, Refusal, type Ask, type Route } from "./answer.ts";
import { Body } from "./body.ts";
import { CHANGE_KINDS, type ChangeKind, type Changes } from "./changes.ts";
import { QUIRK_IDS, QUIRKS } from "./quirks/table.ts";
import type { RequestCounts } from "./request-counts.ts";
import type { TokenLife } from "./token.ts";
import { truthTeller } from "./truth.ts";
import type { Violations } from "./violations.ts";

interface Parts {
  readonly account: Account;
  readonly changes: Changes;
  readonly counts: RequestCounts;
  readonly violations: Violations;
  readonly life: TokenLife;
}

/** The routes by which a test steers the account and learns what a reader should have; they ask for no token. */
export function controlRoutes({ account, changes, counts, violations, life }: Parts): Route[] {
  const truth = truthTeller(account);
  const quirks = () => ({ on: account.quirks.on, known: QUIRK_IDS.map((id) => ({ id, about: QUIRKS[id].about })) });
  return [
    { method: "GET", template: "/_sample/truth", answer: () => json(truth()) },
    { method: "POST", template: "/_sample/changes", answer: (ask) => json(changes.make(readChanges(ask))) },
    { method: "GET", template: "/_sample/quirks", answer: () => json(quirks()) },
    {
      method: "POST",
      template: "/_sample/quirks",
      answer(ask) {
        const { on, off } = readObject(ask, ["on", "off"]);
        switchQuirks(account, readIds(on), readIds(off));
        return json(quirks());
      },
    },
    {
      method: "POST",
      template: "/_sample/clock",
      answer(ask) {
        const { advance_seconds: seconds } = readObject(ask, ["advance_seconds"]);
        account.advance(1000 * readCount("advance_seconds", seconds));
        return json({ now: new Date(account.now()).toISOString() });
      },
    },
    {
      method: "POST",
      template: "/_sample/access",
      answer(ask) {
        const { mode } = readObject(ask, ["mode"]);
        account.access = readOneOf("mode", mode, ACCESS);
        return json({ mode: account.access });
      },
    },
    {
      method: "POST",
      template: "/_sample/token",
      answer(ask) {
        const { valid, valid_for: requests } = readObject(ask, ["valid", "valid_for"]);
        if (requests !== undefined) life.expireAfter(readCount("valid_for", requests));
        else if (valid === true) life.renew();
        else throw invalid("valid must be true, or valid_for a number of requests");
        return json({});
      },
    },
    { method: "GET", template: "/_sample/violations", answer: () => json(violations.all()) },
    {
      method: "GET",
      template: "/media/{id}",
      answer({ headers }) {
        if (headers["authorization"] !== undefined || headers["x-ziaccesstoken"] !== undefined) {
          violations.add("token_leaked");
        }
        return { status: 200, headers: { "content-type": "audio/mpeg" }, body: new Body("not really a recording") };
      },
    },
    { method: "GET", template: "/_sample/requests", answer: () => json(counts.all()) },
    {
      method: "POST",
      template: "/_sample/requests/reset",
      answer() {
        counts.reset();
        violations.reset();
        return json(counts.all());
      },
    },
  ];
}

function readChanges(ask: Ask): Partial<Record<ChangeKind, number>> {
  const wanted = readObject(ask, CHANGE_KINDS);
  return Object.fromEntries(CHANGE_KINDS.map((kind) => [kind, readCount(kind, wanted[kind] ?? 0)]));
}

function readCount(name: string, value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(`${name} must be a whole number of at least 0`);
}

function readOneOf<Word extends string>(name: string, value: unknown, words: readonly Word[]): Word {
  const found = words.find((word) => word === value);
  if (found === undefined) throw invalid(`${name} must be one of ${words.join(", ")}`);
  return found;
}

function switchQuirks(account: Account, on: readonly string[], off: readonly string[]): void {
  try {
    account.quirks.switch(on, off);
  } catch (error) {
    throw error instanceof EltError ? invalid(error.message) : error;
  }
}

function readIds(value: unknown): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid("on and off must be lists of quirk ids");
  return value.map(String);
}

/** The body as an object that has none but these fields; a body that is absent is an empty object. */
function readObject({ json: body = {} }: Ask, names: readonly string[]): Record<string, unknown> {
  if (typeof body !== "object" || body === null) throw invalid("the body must be a JSON object");
  const unknown = Object.keys(body).filter((name) => !names.includes(name));
  if (unknown.length > 0) throw invalid(`there is no "${unknown.join('", "')}" here, only ${names.join(", ")}`);
  return { ...body };
}

function invalid(detail: string): Refusal {
  return new Refusal(400, "invalid_body", detail);
}
