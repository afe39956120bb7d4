{{ config(enabled=var('chorus_using_semarize', true)) }}

-- Who is certified, who is close, who needs coaching, and in what?
select
    rep_name,
    team_name,
    card_text,
    weakest_skill,
    weak_areas,
    improvement_rate,
    calls_scored
from {{ ref('rpt_rep_certification') }}
order by readiness desc, rep_id asc
