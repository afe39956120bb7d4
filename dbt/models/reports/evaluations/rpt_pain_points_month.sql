with evaluations as (
    select
        call_id,
        pain_point,
        risk_flag
    from {{ ref('call_evaluations') }}
    where pain_point is not null
),

conversations as (
    select
        call_id,
        month_starting_on
    from {{ ref('int_conversations') }}
    where month_starting_on is not null
),

counted as (
    select
        conversations.month_starting_on,
        evaluations.pain_point,
        count(*) as call_count,
        sum(case when evaluations.risk_flag then 1 else 0 end) as risk_call_count
    from evaluations
    inner join conversations
        on evaluations.call_id = conversations.call_id
    group by conversations.month_starting_on, evaluations.pain_point
),

shared as (
    select
        *,
        sum(call_count) over (partition by month_starting_on) as month_call_count
    from counted
)

select
    month_starting_on,
    pain_point,
    cast(call_count as bigint) as call_count,
    cast(risk_call_count as bigint) as risk_call_count,
    {{ ratio('call_count', 'month_call_count') }} as call_share_ratio
from shared
