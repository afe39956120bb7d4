// Made by `npm run gen` from streams/ and schemas/. Do not edit.
import { type JsonSchema } from "../../core/json.ts";
import { type ChorusStream } from "./define.ts";
import calls from "./streams/calls.ts";
import crmAssociations from "./streams/crm_associations.ts";
import dealSignals from "./streams/deal_signals.ts";
import engagementMetrics from "./streams/engagement_metrics.ts";
import participants from "./streams/participants.ts";
import recordings from "./streams/recordings.ts";
import scorecardScores from "./streams/scorecard_scores.ts";
import scorecards from "./streams/scorecards.ts";
import tags from "./streams/tags.ts";
import teamMembers from "./streams/team_members.ts";
import teams from "./streams/teams.ts";
import trackerMentions from "./streams/tracker_mentions.ts";
import trackers from "./streams/trackers.ts";
import transcripts from "./streams/transcripts.ts";
import users from "./streams/users.ts";
import utterances from "./streams/utterances.ts";
import callsSchema from "../../../schemas/calls.json" with { type: "json" };
import crmAssociationsSchema from "../../../schemas/crm_associations.json" with { type: "json" };
import dealSignalsSchema from "../../../schemas/deal_signals.json" with { type: "json" };
import engagementMetricsSchema from "../../../schemas/engagement_metrics.json" with { type: "json" };
import participantsSchema from "../../../schemas/participants.json" with { type: "json" };
import recordingsSchema from "../../../schemas/recordings.json" with { type: "json" };
import scorecardScoresSchema from "../../../schemas/scorecard_scores.json" with { type: "json" };
import scorecardsSchema from "../../../schemas/scorecards.json" with { type: "json" };
import tagsSchema from "../../../schemas/tags.json" with { type: "json" };
import teamMembersSchema from "../../../schemas/team_members.json" with { type: "json" };
import teamsSchema from "../../../schemas/teams.json" with { type: "json" };
import trackerMentionsSchema from "../../../schemas/tracker_mentions.json" with { type: "json" };
import trackersSchema from "../../../schemas/trackers.json" with { type: "json" };
import transcriptsSchema from "../../../schemas/transcripts.json" with { type: "json" };
import usersSchema from "../../../schemas/users.json" with { type: "json" };
import utterancesSchema from "../../../schemas/utterances.json" with { type: "json" };

export const streams: readonly (ChorusStream & { readonly schema: JsonSchema })[] = [
  { ...calls, schema: callsSchema },
  { ...crmAssociations, schema: crmAssociationsSchema },
  { ...dealSignals, schema: dealSignalsSchema },
  { ...engagementMetrics, schema: engagementMetricsSchema },
  { ...participants, schema: participantsSchema },
  { ...recordings, schema: recordingsSchema },
  { ...scorecardScores, schema: scorecardScoresSchema },
  { ...scorecards, schema: scorecardsSchema },
  { ...tags, schema: tagsSchema },
  { ...teamMembers, schema: teamMembersSchema },
  { ...teams, schema: teamsSchema },
  { ...trackerMentions, schema: trackerMentionsSchema },
  { ...trackers, schema: trackersSchema },
  { ...transcripts, schema: transcriptsSchema },
  { ...users, schema: usersSchema },
  { ...utterances, schema: utterancesSchema },
];
