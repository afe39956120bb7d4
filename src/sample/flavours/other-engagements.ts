import type { JsonObject } from "../../core/json.ts";
import type { Held } from "../account.ts";
import { hexId } from "../random.ts";
import type { PublicId } from "./calls-wire.ts";
import type { Place } from "./continuations.ts";

/** Q27: every fifth call has an email or a look at content beside it in the list; neither is a conversation. */
export function otherEngagements({ n, call }: Held, id: PublicId): (Place & { row: JsonObject })[] {
  if (n % 5 !== 0) return [];
  const isEmail = n % 2 === 0;
  const own = id(hexId("engagement", call.id));
  const row = {
    engagement_id: own,
    engagement_type: isEmail ? "email" : "content_viewed",
    date_time: call.startedMs / 1000,
    duration: null,
    processing_state: "done",
    no_show: false,
    user_name: call.owner?.name ?? null,
    user_email: call.owner?.email ?? null,
    account_id: call.crm?.accountId ?? "",
    account_name: call.crm?.accountName ?? "",
    opportunity_id: "",
    opportunity_name: "",
    participants: [],
    subject: isEmail ? `Re: ${call.title ?? "our call"}` : null,
    content_type: isEmail ? null : "pdf",
    language: null,
    url: null,
  };
  return [{ startedMs: call.startedMs, id: own, row }];
}
