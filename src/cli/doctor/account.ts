import type { Api, Needs } from "../../sources/chorus/api.ts";
import type { Call } from "../../sources/chorus/call.ts";
import { isStatus } from "../../sources/chorus/http.ts";
import { neverSpoken } from "../../sources/chorus/transcripts.ts";
import { DAY_MS } from "../../sources/chorus/windows.ts";
import { counted } from "../text-table.ts";
import type { Answers } from "./answers.ts";
import type { Found } from "./findings.ts";

const MOST_SKEW_MS = 60_000;
/** How far back a call is looked for, step by step. */
const LOOK_BACK_DAYS = [1, 7, 30];

/** Our clock against the server's. */
export function clock({ aheadMs }: Answers): Found<never> {
  if (aheadMs === undefined)
    return { verdict: "warn", text: "the API does not tell its time; the tap goes by this machine's clock" };
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  if (Math.abs(aheadMs) <= MOST_SKEW_MS) return { text: `within ${Math.max(1, seconds)} s of the API's` };
  const text = `${counted(seconds, "second")} ${aheadMs > 0 ? "behind" : "ahead of"} the API's. The tap goes by the API's clock, so no call is lost; set this machine's for the times in logs`;
  return { verdict: "warn", text };
}

/** What the API says of its limits. */
export function limits({ limits: shown }: Answers, perSecond: number): Found<never> {
  const told = Object.entries(shown).map(([name, value]) => `${name} ${value}`);
  const ours = `\`max_requests_per_second\` is ${perSecond}`;
  return { text: told.length === 0 ? `the API shows none; ${ours}` : `${told.join(", ")}; ${ours}` };
}

/** Whether one of the account's lists can be read. */
export async function list(name: string, read: () => Promise<readonly unknown[] | undefined>): Promise<Found<never>> {
  try {
    const rows = await read();
    if (rows === undefined)
      return { verdict: "warn", text: `this account has no list of ${name}; the stream stays empty` };
    return { text: `${rows.length.toLocaleString("en")} readable` };
  } catch (error) {
    if (!isStatus(error, 403)) throw error;
    const text = `403, the user's role may not read ${name}. Deselect the stream in the catalog, or ask an admin`;
    return { verdict: "warn", text };
  }
}

/** Whether the newest call that has taken place can be read whole. Says nothing of what it is about. */
export async function newestCall(api: Api, needs: Needs): Promise<Found<never>> {
  const found = await newest(api);
  if (found === undefined) {
    const text = `no finished call of the last ${LOOK_BACK_DAYS.at(-1)} days is visible. Private calls never are; the user's data access decides about the others`;
    return { verdict: "warn", text };
  }
  const what = `call ${found.id} of ${found.startedAt?.slice(0, 10) ?? "an unknown day"}`;
  const { transcript } = await api.complete(found, { ...needs, transcript: true });
  switch (transcript?.status) {
    case "ready":
      return { text: `${what} is readable, with ${counted(transcript.utterances.length, "turn")}` };
    case "forbidden":
      return {
        verdict: "FAIL",
        text: `403 for the transcript of ${what}: the user's role may list calls and not read them. Ask an admin`,
      };
    default:
      return { verdict: "warn", text: `${what} has no transcript (yet): ${transcript?.status ?? "unknown"}` };
  }
}

async function newest(api: Api): Promise<Call | undefined> {
  const now = api.now();
  for (const days of LOOK_BACK_DAYS) {
    const { calls } = await api.window({ from: now - days * DAY_MS, to: now }, { lean: true });
    const call = calls.findLast((one) => one.startedMs !== null && one.status === "done" && !neverSpoken(one));
    if (call !== undefined) return call;
  }
  return undefined;
}
