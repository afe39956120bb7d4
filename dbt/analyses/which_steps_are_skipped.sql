{{ config(enabled=var('chorus_using_semarize', true)) }}

-- Which steps of the framework do we skip most often, and is it getting better? Four newest weeks, all teams.
select
    week_starting_on,
    kit_version_id,
    sentence,
    calls_skipped,
    calls_scored
from {{ ref('rpt_framework_adherence_weekly') }}
where
    team_id = 'all'
    and week_starting_on > (
        select {{ days_before('max(newest.week_starting_on)', 28) }}
        from {{ ref('rpt_framework_adherence_weekly') }} as newest
    )
order by week_starting_on desc, kit_version_id asc, skip_ratio desc, position asc
