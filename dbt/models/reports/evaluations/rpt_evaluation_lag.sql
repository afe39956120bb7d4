with evaluations as (
    select
        run_id,
        {{ week_start(report_date('finished_at')) }} as week_starting_on,
        transcript_to_evaluation_seconds,
        call_to_evaluation_seconds
    from {{ ref('fct_evaluations') }}
    where is_reported and finished_at is not null
),

lags as (
    select
        week_starting_on,
        run_id,
        'transcript' as measured_from,
        transcript_to_evaluation_seconds as lag_seconds
    from evaluations
    where transcript_to_evaluation_seconds is not null
    union all
    select
        week_starting_on,
        run_id,
        'call' as measured_from,
        call_to_evaluation_seconds as lag_seconds
    from evaluations
    where call_to_evaluation_seconds is not null
),

ranked as (
    select
        week_starting_on,
        measured_from,
        lag_seconds,
        row_number() over (
            partition by week_starting_on, measured_from
            order by lag_seconds, {{ text_order('run_id') }}
        ) as place,
        count(*) over (partition by week_starting_on, measured_from) as places
    from lags
),

-- The nearest rank: the smallest lag that at least this share of the evaluations had or stayed under.
percentiles as (
    select
        week_starting_on,
        measured_from,
        max(case when place = {{ integer_division('places * 50 + 99', '100') }} then lag_seconds end) as p50_seconds,
        max(case when place = {{ integer_division('places * 90 + 99', '100') }} then lag_seconds end) as p90_seconds
    from ranked
    group by week_starting_on, measured_from
),

weeks as (
    select
        week_starting_on,
        count(*) as evaluation_count
    from evaluations
    group by week_starting_on
)

select
    weeks.week_starting_on,
    cast(weeks.evaluation_count as bigint) as evaluation_count,
    since_transcript.p50_seconds as transcript_to_evaluation_p50_seconds,
    since_transcript.p90_seconds as transcript_to_evaluation_p90_seconds,
    since_call.p50_seconds as call_to_evaluation_p50_seconds,
    since_call.p90_seconds as call_to_evaluation_p90_seconds
from weeks
left join percentiles as since_transcript
    on
        weeks.week_starting_on = since_transcript.week_starting_on
        and since_transcript.measured_from = 'transcript'
left join percentiles as since_call
    on
        weeks.week_starting_on = since_call.week_starting_on
        and since_call.measured_from = 'call'
