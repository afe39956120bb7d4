import { defineStream } from "../define.ts";

/** One row per transcript file: a meeting on another platform than Chorus. */
export default defineStream({
  name: "meetings",
  keys: ["meeting_id"],
  rows: (meeting) => [
    {
      meeting_id: meeting.id,
      platform: meeting.platform,
      title: meeting.title,
      started_at: meeting.startedAt,
      duration_seconds: meeting.durationSeconds,
      call_type: meeting.callType,
      rep_email: meeting.repEmail,
      rep_name: meeting.repName,
      deal_id: meeting.dealId,
      deal_name: meeting.dealName,
      source_file: meeting.sourceFile,
      content_hash: meeting.contentHash,
    },
  ],
});
