{{ config(enabled=var('chorus_using_semarize', true)) }}

-- Which calls of the last weeks followed the framework least, and whose were they?
select
    started_on,
    rep_name,
    team_name,
    call_id,
    card_text
from {{ ref('rpt_framework_adherence_call') }}
order by adherence_ratio asc, started_on desc, call_id asc
limit 20
