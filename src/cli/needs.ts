import type { Selection } from "../core/stream.ts";
import type { Api, Needs } from "../sources/chorus/api.ts";
import type { Call } from "../sources/chorus/call.ts";
import type { Config } from "../sources/chorus/config.ts";
import { neverSpoken } from "../sources/chorus/transcripts.ts";
import { DAY_MS } from "../sources/chorus/windows.ts";

/** What a run of the tap asks for of each call: in flavour `v3` the content hash is that of just these fields. */
export function needsOf(selection: readonly Selection[], config: Pick<Config, "media_links">): Needs {
  const has = (...names: readonly string[]) => selection.some(({ stream }) => names.includes(stream.name));
  const fields = selection.find(({ stream }) => stream.name === "calls")?.fields ?? new Set<string>();
  return {
    transcript: has("transcripts", "utterances"),
    trackers: has("trackers", "tracker_mentions"),
    metrics: has("engagement_metrics"),
    summary: fields.has("summary") || fields.has("action_items"),
    media: config.media_links && has("recordings"),
  };
}

/** The same for one call: of one that was not spoken, or not yet, no transcript is asked for. */
export function needsOfCall(call: Call, needs: Needs, api: Pick<Api, "now">): Needs {
  const isAhead = call.status === "scheduled" || call.status === "live";
  const isRecent = call.startedMs === null || api.now() - call.startedMs < DAY_MS;
  return neverSpoken(call) || (isAhead && isRecent) ? { ...needs, transcript: false } : needs;
}
