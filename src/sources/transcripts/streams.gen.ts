// Made by `npm run gen` from streams/ and schemas/. Do not edit.
import { type JsonSchema } from "../../core/json.ts";
import { type TranscriptsStream } from "./define.ts";
import meetingTranscripts from "./streams/meeting_transcripts.ts";
import meetingUtterances from "./streams/meeting_utterances.ts";
import meetings from "./streams/meetings.ts";
import meetingTranscriptsSchema from "../../../schemas/meeting_transcripts.json" with { type: "json" };
import meetingUtterancesSchema from "../../../schemas/meeting_utterances.json" with { type: "json" };
import meetingsSchema from "../../../schemas/meetings.json" with { type: "json" };

export const streams: readonly (TranscriptsStream & { readonly schema: JsonSchema })[] = [
  { ...meetingTranscripts, schema: meetingTranscriptsSchema },
  { ...meetingUtterances, schema: meetingUtterancesSchema },
  { ...meetings, schema: meetingsSchema },
];
