{{ config(enabled=var('chorus_using_semarize', true)) }}

-- What do prospects complain of, month by month?
select
    month_starting_on,
    pain_point,
    call_count,
    call_share_ratio,
    risk_call_count
from {{ ref('rpt_pain_points_month') }}
order by month_starting_on desc, call_count desc, pain_point asc
