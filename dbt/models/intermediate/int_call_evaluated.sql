with evaluations as (
    select * from {{ ref('int_evaluations') }}
    where run_type = 'api'
),

risks as (
    select
        evaluations.call_id,
        bricks.value_boolean as is_risk,
        row_number() over (
            partition by evaluations.call_id
            order by evaluations.finished_at desc nulls last, {{ text_order('evaluations.run_id') }} desc
        ) as newest_first
    from {{ ref('int_bricks_catalogued') }} as bricks
    inner join evaluations
        on bricks.run_id = evaluations.run_id
    where
        evaluations.is_latest
        and evaluations.purpose = 'call_evaluation'
        and bricks.item_key = 'risk_flag'
),

calls as (
    select
        call_id,
        max(case when is_counted then 1 else 0 end) = 1 as is_evaluated,
        max(case when status = 'failed' then 1 else 0 end) = 1 as has_failed_run,
        min(case when is_counted then finished_at end) as first_evaluated_at,
        max(loaded_at) as loaded_at
    from evaluations
    group by call_id
)

select
    calls.call_id,
    calls.is_evaluated,
    calls.has_failed_run,
    calls.first_evaluated_at,
    coalesce(risks.is_risk, false) as is_risk,
    calls.loaded_at
from calls
left join risks
    on
        calls.call_id = risks.call_id
        and risks.newest_first = 1
