{{ config(enabled=var('chorus_using_trackers', true)) }}

select
    trackers.call_id,
    trackers.tracker_id,
    trackers.tracker_name,
    trackers.tracker_type,
    coalesce(trackers.tracker_type = 'competitor', false) as is_competitor,
    coalesce(trackers.mention_count, 0) as mention_count
from {{ ref('stg_chorus__trackers') }} as trackers
inner join {{ ref('stg_chorus__calls') }} as calls
    on trackers.call_id = calls.call_id
