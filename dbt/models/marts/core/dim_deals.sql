{{ config(enabled=var('chorus_using_deals', true)) }}

{# A deal as its newest conversation shows it. #}
with ranked as (
    select
        deal_id,
        deal_name,
        deal_stage,
        deal_amount,
        deal_currency,
        deal_closes_on,
        row_number() over (
            partition by deal_id
            order by
                case when deal_stage is null then 1 else 0 end,
                started_at desc nulls last,
                {{ text_order('call_id') }} desc
        ) as newest_first
    from {{ ref('int_conversations') }}
    where deal_id is not null
),

names as (
    select
        deal_id,
        max({{ text_order('deal_name') }}) as deal_name,
        {{ count_if('not is_deleted') }} as conversation_count,
        min(case when not is_deleted then started_at end) as first_conversation_at,
        max(case when not is_deleted then started_at end) as last_conversation_at
    from {{ ref('int_conversations') }}
    where deal_id is not null
    group by deal_id
)

select
    ranked.deal_id,
    coalesce(ranked.deal_name, names.deal_name) as deal_name,
    ranked.deal_stage,
    ranked.deal_amount,
    ranked.deal_currency,
    ranked.deal_closes_on,
    names.conversation_count,
    names.first_conversation_at,
    names.last_conversation_at
from ranked
inner join names
    on ranked.deal_id = names.deal_id
where ranked.newest_first = 1
