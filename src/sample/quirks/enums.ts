import { isObject, type JsonObject, type JsonValue } from "../../core/json.ts";
import type { Call } from "../model.ts";

/** Every fifth call lasts 0 seconds, every fourth deal is worth -1, every third CRM link is empty. */
export function oddValues(call: Call, n: number): Call {
  const { deal, crm } = call;
  return {
    ...call,
    durationSeconds: n % 5 === 1 ? 0 : call.durationSeconds,
    deal: deal !== null && n % 4 === 0 ? { ...deal, amount: -1 } : deal,
    crm: crm !== null && n % 3 === 0 ? { ...crm, accountId: "", opportunityId: "" } : crm,
  };
}

/** `no_show` or `no show`; `meeting` or `Meeting`; `rep` or `REP`. */
export function oddEnums(row: JsonObject, n: number): JsonObject {
  if (!("call_type" in row) || n % 2 === 1) return row;
  const people = Array.isArray(row["participants"]) ? row["participants"] : [];
  return {
    ...row,
    status: row["status"] === "no_show" ? "no show" : row["status"],
    call_type: changed(row["call_type"], (word) => word.charAt(0).toUpperCase() + word.slice(1)),
    direction: changed(row["direction"], (word) => word.toUpperCase()),
    participants: people.map((person) =>
      isObject(person) ? { ...person, type: changed(person["type"], (word) => word.toUpperCase()) } : person,
    ),
  };
}

function changed(value: JsonValue | undefined, change: (word: string) => string): JsonValue {
  return typeof value === "string" ? change(value) : (value ?? null);
}
