{{ config(enabled=var('chorus_using_semarize', true)) }}

-- Which battlecards have to be updated, and how urgently?
select
    month_starting_on,
    competitor,
    claims,
    accurate,
    accuracy_ratio,
    outdated,
    action
from {{ ref('rpt_battlecard_accuracy_monthly') }}
order by month_starting_on desc, is_total asc, claims desc, competitor_key asc
