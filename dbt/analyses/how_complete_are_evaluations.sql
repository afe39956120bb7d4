{{ config(enabled=var('chorus_using_semarize', true)) }}

-- How much of what we recorded is evaluated, and how long did it take?
select
    coverage.week_starting_on,
    coverage.conversation_count,
    coverage.with_transcript_count,
    coverage.evaluated_count,
    coverage.evaluated_ratio,
    coverage.only_failed_count,
    waits.call_to_evaluation_p50_seconds,
    waits.call_to_evaluation_p90_seconds
from {{ ref('rpt_evaluation_coverage_weekly') }} as coverage
left join {{ ref('rpt_evaluation_lag') }} as waits
    on coverage.week_starting_on = waits.week_starting_on
order by coverage.week_starting_on desc
