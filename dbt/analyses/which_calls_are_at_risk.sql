{{ config(enabled=var('chorus_using_semarize', true)) }}

-- Which calls show a risk, and why? As users of a table call_evaluations know it.
select
    call_id,
    started_on,
    rep_name,
    deal_id,
    score,
    pain_point,
    sentiment
from {{ ref('call_evaluations') }}
where risk_flag
order by started_on desc, score asc, call_id asc
