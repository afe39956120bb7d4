{# What hangs on a call, counted. #}
with participants as (
    select
        call_id,
        {{ count_if("role = 'rep'") }} as rep_count,
        {{ count_if("role = 'prospect'") }} as prospect_count,
        cast(count(*) as bigint) as participant_count
    from {{ ref('stg_chorus__participants') }}
    group by call_id
),

trackers as (
    select
        call_id,
        {{ sum_bigint('mention_count') }} as tracker_mention_count,
        {{ sum_bigint("case when tracker_type = 'competitor' then mention_count else 0 end") }}
            as competitor_mention_count
    from {{ ref('stg_chorus__trackers') }}
    group by call_id
),

recordings as (
    select
        call_id,
        max(case when coalesce(is_available, true) then 1 else 0 end) = 1 as has_recording
    from {{ ref('stg_chorus__recordings') }}
    group by call_id
),

crm as (
    select distinct call_id
    from {{ ref('stg_chorus__crm_associations') }}
    where crm_id is not null
)

select
    calls.call_id,
    coalesce(participants.rep_count, 0) as rep_count,
    coalesce(participants.prospect_count, 0) as prospect_count,
    coalesce(participants.participant_count, 0) as participant_count,
    coalesce(trackers.tracker_mention_count, 0) as tracker_mention_count,
    coalesce(trackers.competitor_mention_count, 0) as competitor_mention_count,
    coalesce(recordings.has_recording, false) as has_recording,
    crm.call_id is not null as has_crm_link
from {{ ref('stg_chorus__calls') }} as calls
left join participants
    on calls.call_id = participants.call_id
left join trackers
    on calls.call_id = trackers.call_id
left join recordings
    on calls.call_id = recordings.call_id
left join crm
    on calls.call_id = crm.call_id
