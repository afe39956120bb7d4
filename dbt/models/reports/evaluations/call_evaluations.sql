with evaluations as (
    select
        *,
        row_number() over (
            partition by call_id
            order by finished_at desc nulls last, {{ text_order('run_id') }} desc
        ) as newest_first
    from {{ ref('fct_evaluations') }}
    where is_reported and purpose = 'call_evaluation'
),

calls as (
    select * from {{ ref('fct_calls') }}
)

select
    evaluations.call_id,
    evaluations.score,
    evaluations.risk_flag,
    evaluations.pain_point,
    evaluations.sentiment,
    evaluations.platform,
    calls.started_at,
    calls.started_on,
    coalesce(calls.owner_user_id, calls.owner_email) as rep_id,
    calls.rep_name,
    calls.deal_id,
    evaluations.run_id,
    evaluations.kit_code,
    evaluations.kit_version_id,
    evaluations.finished_at as evaluated_at
from evaluations
inner join calls
    on evaluations.call_id = calls.call_id
where evaluations.newest_first = 1
