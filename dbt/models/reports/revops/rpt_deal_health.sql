{{ config(enabled=var('chorus_using_deals', true)) }}

with calls as (
    select
        deal_id,
        {{ count_if('true') }} as conversation_count,
        {{ count_if('is_risk') }} as risk_call_count,
        {{ count_if('competitor_mention_count > 0') }} as competitor_call_count,
        {{ seconds_total('duration_seconds') }} as call_seconds,
        max(started_at) as last_conversation_at
    from {{ ref('fct_calls') }}
    where not is_deleted and deal_id is not null
    group by deal_id
)

select
    deals.deal_id,
    deals.deal_name,
    deals.deal_stage,
    deals.deal_amount,
    deals.deal_currency,
    calls.conversation_count,
    calls.call_seconds,
    calls.risk_call_count,
    calls.competitor_call_count,
    calls.last_conversation_at,
    cast({{ days_between(report_date('calls.last_conversation_at'), report_date(now_utc())) }} as bigint) as days_silent
from {{ ref('dim_deals') }} as deals
inner join calls
    on deals.deal_id = calls.deal_id
