import { type Selection } from "../../core/stream.ts";
import { type Api, type Needs } from "./api.ts";
import { type Call, type Transcript } from "./call.ts";
import { type Config } from "./config.ts";
import { emptyTranscript, neverSpoken } from "./transcripts.ts";
import { DAY_MS } from "./windows.ts";

/** What is asked for of each call; in flavour `v3` its content hash is that of just these fields. */
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

/** The same for one call: what is known of its transcript is not asked for. */
export function needsOfCall(call: Call, needs: Needs, api: Pick<Api, "now" | "name">): Needs {
  return knownWithoutAsking(call, api) === undefined ? needs : { ...needs, transcript: false };
}

/**
 * Where a request would tell nothing: calls that were never spoken, and calls that are still to come or going on. In `v3`
 * a meeting that was to be a day ago never took place: otherwise its row would be another one.
 */
export function knownWithoutAsking(call: Call, api: Pick<Api, "now" | "name">): Transcript | undefined {
  if (neverSpoken(call)) return emptyTranscript("none");
  const ahead = call.status === "scheduled" || call.status === "live";
  const isRecent = call.startedMs === null || api.now() - call.startedMs < DAY_MS;
  if (ahead && isRecent) return emptyTranscript("pending", { promised: true });
  return call.status === "scheduled" && api.name === "v3" ? emptyTranscript("none") : undefined;
}
