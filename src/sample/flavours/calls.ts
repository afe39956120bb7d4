import { printJson, type JsonObject } from "../../core/json.ts";
import type { Account, Held, NeverForm } from "../account.ts";
import { Refusal, refusal, type Answer, type Ask, type Route } from "../answer.ts";
import { Body, BodyCache } from "../body.ts";
import type { Changes } from "../changes.ts";
import { isSpoken } from "../model.ts";
import type { AccountOptions } from "../options.ts";
import { QUIRKS } from "../quirks/table.ts";
import { callRow, teamRow, transcriptRow, userRow } from "./calls-wire.ts";
import { pageOf, withOlderCopies } from "./page.ts";
import { inZone } from "./zone.ts";
import { readPaging, readWindow, windowRules } from "./window.ts";

const TRANSCRIPT_CACHE_BYTES = 48 * 1024 * 1024;

type Options = Pick<AccountOptions, "bounds" | "dateEnd" | "accountTimezone"> & { readonly limitCap: number };

/** The routes of API flavour `calls`: calls, their transcripts, users and teams, with offsets and limits. */
export function callsFlavour(account: Account, changes: Changes, options: Options): Route[] {
  const { quirks } = account;
  const transcripts = new BodyCache(TRANSCRIPT_CACHE_BYTES);
  const rows = new WeakMap<Held, { stamp: string; text: string }>();
  const publicId = (id: string) => account.publicId(id);
  const print = (row: JsonObject, n: number): string => {
    const zoned = inZone(row, windowRules(options, quirks).zone);
    return printJson(quirks.on.reduce((written, id) => QUIRKS[id].wire?.(written, n) ?? written, zoned));
  };
  const unlessNone = <Row>(rows: readonly Row[]) => (account.access === "none" ? [] : rows);

  const printCall = (held: Held): string => {
    const stamp = account.stamp(held);
    const known = rows.get(held);
    if (known?.stamp === stamp) return known.text;
    const status = account.pending(held) === "empty" ? "processing" : held.call.status;
    const text = print(callRow(account.shown(held), publicId, status), held.n);
    rows.set(held, { stamp, text });
    return text;
  };

  const printOlderCopy = (held: Held): string => {
    const call = account.shown(held);
    const older = { ...call, title: `Draft of ${call.title ?? "a call"}`, updatedMs: call.updatedMs - 3_600_000 };
    return print(callRow(older, publicId), held.n);
  };

  const paging = (query: URLSearchParams) => {
    const caps = quirks.on.map((id) => QUIRKS[id].limitCap ?? Infinity);
    return readPaging(query, Math.min(options.limitCap, ...caps));
  };

  const shorten = pageOf(quirks);

  const listCalls = ({ query }: Ask): Answer => {
    const window = readWindow(query, ["startDate", "endDate"], windowRules(options, quirks));
    const { offset, limit } = paging(query);
    changes.beforePage(window, offset);
    const listed = withOlderCopies(account.within(window), quirks);
    if (offset + limit >= listed.length) changes.afterLastPage(window);
    return shorten("calls", listed, { offset, limit }, ({ held, isOlder }) =>
      isOlder ? printOlderCopy(held) : printCall(held),
    );
  };

  const findCall = (publicId: string | undefined): Held => {
    const held = account.find(publicId ?? "");
    if (held === undefined) throw new Refusal(404, "not_found", "There is no call with this id.");
    return held;
  };

  const getTranscript = ({ parameters: [id] }: Ask): Answer => {
    const held = findCall(id);
    if (!isSpoken(held.call)) throw new Refusal(404, "no_transcript", "This call has no transcript and never will.");
    const never = account.never(held);
    if (never !== undefined) return neverAnswer(never);
    switch (account.askTranscript(held)) {
      case "accepted":
        return processing();
      case "not_found":
        throw new Refusal(404, "transcript_not_ready", "The transcript of this call is not ready yet.");
      case "empty":
        return {
          status: 200,
          body: new Body(print({ call_id: publicId(held.call.id), status: null, utterances: [] }, held.n)),
        };
      case undefined: {
        const make = () => new Body(print(transcriptRow(account.shown(held), account.turns(held), publicId), held.n));
        return { status: 200, body: transcripts.get(held.call.id, account.stamp(held), make) };
      }
    }
  };

  return [
    { method: "GET", template: "/api/v1/calls", answer: listCalls },
    {
      method: "GET",
      template: "/api/v1/calls/{id}",
      answer: ({ parameters: [id] }) => ({ status: 200, body: new Body(printCall(findCall(id))) }),
    },
    { method: "GET", template: "/api/v1/calls/{id}/transcript", answer: getTranscript },
    {
      method: "GET",
      template: "/api/v1/users",
      answer: ({ query }) =>
        shorten("users", unlessNone([...account.source.users.entries()]), paging(query), ([n, user]) =>
          print(userRow(user, publicId), n),
        ),
    },
    {
      method: "GET",
      template: "/api/v1/teams",
      answer: ({ query }) =>
        shorten("teams", unlessNone([...account.source.teams.entries()]), paging(query), ([n, team]) =>
          print(teamRow(team, publicId), n),
        ),
    },
  ];
}

function processing(): Answer {
  return { status: 202, headers: { "retry-after": "1" }, body: new Body('{"status":"processing"}') };
}

/** How Q10 answers, every time it is asked. */
function neverAnswer(form: NeverForm): Answer {
  switch (form) {
    case "no_transcript":
      return refusal(404, "no_transcript", "This call has no transcript and never will.");
    case "forbidden":
      return refusal(403, "forbidden", "This token may not read this transcript.");
    case "accepted":
      return processing();
    case "bare_not_found":
      return { status: 404, body: new Body('{"error":"not found"}') };
  }
}
