{{ config(materialized='table', **laid_out_by('started_on', 'date')) }}

with calls as (
    select
        conversations.*,
        case
            when metrics.rep_talk_percent is not null then 'api'
            when coalesce(speech.rep_seconds, 0) + coalesce(speech.prospect_seconds, 0) > 0 then 'derived'
        end as talk_ratio_source,
        metrics.rep_talk_percent,
        speech.turn_count,
        speech.spoken_seconds,
        speech.rep_seconds,
        speech.prospect_seconds,
        speech.longest_rep_monologue_seconds,
        speech.rep_question_count,
        speech.prospect_question_count
    from {{ ref('int_conversations') }} as conversations
    left join {{ ref('int_call_speech') }} as speech
        on conversations.call_id = speech.call_id
    left join {{ ref('int_call_metrics_pivoted') }} as metrics
        on conversations.call_id = metrics.call_id
),

teamed as (
    select
        calls.*,
        coalesce(history.team_id, calls.owner_team_id, users.team_id) as team_id,
        users.team_id as current_team_id,
        coalesce(users.user_name, calls.owner_name) as rep_name
    from calls
    left join {{ ref('dim_users') }} as users
        on calls.owner_user_id = users.user_id
    left join {{ ref('dim_user_team_history') }} as history
        on
            calls.owner_user_id = history.user_id
            and calls.started_at >= history.valid_from
            and calls.started_at < history.valid_to
)

select
    teamed.call_id,
    teamed.platform,
    teamed.title,
    teamed.started_at,
    teamed.started_on,
    teamed.week_starting_on,
    teamed.month_starting_on,
    teamed.duration_seconds,
    teamed.call_type,
    teamed.call_status,
    teamed.language,
    teamed.owner_user_id,
    teamed.rep_name,
    teamed.owner_email,
    teamed.team_id,
    teams.team_name,
    teamed.current_team_id,
    teamed.deal_id,
    teamed.deal_name,
    coalesce(counts.participant_count, 0) as participant_count,
    coalesce(counts.rep_count, 0) as rep_count,
    coalesce(counts.prospect_count, 0) as prospect_count,
    coalesce(teamed.turn_count, 0) as turn_count,
    coalesce(teamed.spoken_seconds, 0) as spoken_seconds,
    coalesce(teamed.rep_seconds, 0) as rep_seconds,
    coalesce(teamed.prospect_seconds, 0) as prospect_seconds,
    case
        when teamed.talk_ratio_source = 'api' then {{ ratio('teamed.rep_talk_percent', '100') }}
        else {{ ratio('teamed.rep_seconds', '(teamed.rep_seconds + teamed.prospect_seconds)') }}
    end as talk_ratio,
    teamed.talk_ratio_source,
    teamed.longest_rep_monologue_seconds,
    coalesce(teamed.rep_question_count, 0) as rep_question_count,
    coalesce(teamed.prospect_question_count, 0) as prospect_question_count,
    {{ ratio('60 * teamed.turn_count', 'teamed.duration_seconds') }} as turns_per_minute,
    case
        when teamed.spoken_seconds <= teamed.duration_seconds
            then {{ ratio('teamed.duration_seconds - teamed.spoken_seconds', 'teamed.duration_seconds') }}
        when teamed.duration_seconds > 0 then 0
    end as silence_ratio,
    coalesce(counts.tracker_mention_count, 0) as tracker_mention_count,
    coalesce(counts.competitor_mention_count, 0) as competitor_mention_count,
    teamed.has_transcript,
    coalesce(counts.has_recording, false) as has_recording,
    coalesce(counts.has_crm_link, false) as has_crm_link,
    coalesce(evaluated.is_evaluated, false) as is_evaluated,
    coalesce(evaluated.is_risk, false) as is_risk,
    teamed.is_deleted,
    teamed.loaded_at
from teamed
left join {{ ref('dim_teams') }} as teams
    on teamed.team_id = teams.team_id
left join {{ ref('int_call_counts') }} as counts
    on teamed.call_id = counts.call_id
left join {{ ref('int_call_evaluated') }} as evaluated
    on teamed.call_id = evaluated.call_id
