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

/** `no_show` or `no show`; `meeting` or `Meeting`; `rep` or `REP`; the same in both flavours. */
export function oddEnums(row: JsonObject, n: number): JsonObject {
  if (n % 2 === 1) return row;
  if ("call_type" in row) {
    return {
      ...withPeople(row),
      status: row["status"] === "no_show" ? "no show" : row["status"],
      call_type: changed(row["call_type"], capital),
      direction: changed(row["direction"], upper),
    };
  }
  if ("engagement_type" in row) {
    return {
      ...withPeople(row),
      engagement_type: changed(row["engagement_type"], capital),
      processing_state: changed(row["processing_state"], capital),
    };
  }
  const { attributes } = row;
  if (row["type"] !== "conversation" || !isObject(attributes) || !("status" in attributes)) return row;
  const status = attributes["status"] === "no show" ? "no_show" : changed(attributes["status"], capital);
  return { ...row, attributes: { ...attributes, status } };
}

const upper = (word: string) => word.toUpperCase();
const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

function withPeople(row: JsonObject): JsonObject {
  const people = Array.isArray(row["participants"]) ? row["participants"] : [];
  const typed = people.map((person) =>
    isObject(person) ? { ...person, type: changed(person["type"], upper) } : person,
  );
  return { ...row, participants: typed };
}

function changed(value: JsonValue | undefined, change: (word: string) => string): JsonValue {
  return typeof value === "string" ? change(value) : (value ?? null);
}
