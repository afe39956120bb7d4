{{ config(enabled=var('chorus_using_trackers', true)) }}

select
    tracker_id,
    max({{ text_order('tracker_name') }}) as tracker_name,
    max({{ text_order('tracker_type') }}) as tracker_type,
    max(case when tracker_type = 'competitor' then 1 else 0 end) = 1 as is_competitor
from {{ ref('stg_chorus__trackers') }}
group by tracker_id
