{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        enabled=var('chorus_using_trackers', true),
        pre_hook='{{ delete_touched() }}',
    )
}}

select
    mentions.call_id,
    mentions.tracker_id,
    mentions.mention_index,
    mentions.tracker_name,
    mentions.offset_seconds,
    mentions.utterance_index,
    touched.loaded_at
from {{ ref('stg_chorus__tracker_mentions') }} as mentions
inner join {{ ref('int_calls__touched') }} as touched
    on mentions.call_id = touched.call_id
where {{ not_built('mentions.call_id') }}
