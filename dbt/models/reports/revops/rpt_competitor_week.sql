{{ config(enabled=var('chorus_using_trackers', true)) }}

{# How often a competitor was named in the calls of a week, by the trackers of that type. #}
select weeks.*
from {{ ref('rpt_tracker_week') }} as weeks
inner join {{ ref('dim_trackers') }} as trackers
    on weeks.tracker_id = trackers.tracker_id
where trackers.is_competitor
