{{
    config(
        materialized='incremental',
        on_schema_change='fail',
        enabled=var('chorus_using_trackers', true),
        **built_by_call(day='call_started_at')
    )
}}

select
    mentions.call_id,
    mentions.tracker_id,
    mentions.mention_index,
    conversations.started_at as call_started_at,
    mentions.tracker_name,
    mentions.offset_seconds,
    mentions.utterance_index,
    calls.loaded_at
from {{ ref('stg_chorus__tracker_mentions') }} as mentions
inner join {{ calls_to_build() }} as calls
    on mentions.call_id = calls.call_id
left join {{ ref('int_conversations') }} as conversations
    on mentions.call_id = conversations.call_id
