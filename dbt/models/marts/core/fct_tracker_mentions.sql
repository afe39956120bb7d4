{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='call_id',
        on_schema_change='fail',
        enabled=var('chorus_using_trackers', true),
        post_hook='{{ delete_stale() }}',
    )
}}

select
    mentions.call_id,
    mentions.tracker_id,
    mentions.mention_index,
    mentions.tracker_name,
    mentions.offset_seconds,
    mentions.utterance_index,
    calls.loaded_at
from {{ ref('stg_chorus__tracker_mentions') }} as mentions
inner join {{ calls_to_build() }} as calls
    on mentions.call_id = calls.call_id
