with evaluated as (
    select
        evaluations.call_id,
        conversations.deal_id,
        conversations.deal_name,
        conversations.started_at
    from {{ ref('int_evaluations') }} as evaluations
    inner join {{ ref('int_conversations') }} as conversations
        on evaluations.call_id = conversations.call_id
    where
        evaluations.is_reported
        and evaluations.purpose = 'deal_signals'
        and conversations.deal_id is not null
),

deals as (
    select
        deal_id,
        deal_name,
        row_number() over (
            partition by deal_id
            order by
                case when deal_name is null then 1 else 0 end,
                started_at desc nulls last,
                {{ text_order('call_id') }} desc
        ) as newest_first
    from evaluated
),

mentions as (
    select * from {{ ref('fct_deal_signals') }}
    where is_reported and deal_id is not null
),

ordered as (
    select
        *,
        row_number() over (
            partition by deal_id, signal_key
            order by
                occurred_at nulls last,
                case when status = 'open' then 1 else 0 end,
                {{ text_order('call_id') }},
                {{ text_order('run_id') }}
        ) as oldest_first,
        -- Of two mentions at one moment the open one is the last word: a concern is not lost by chance.
        row_number() over (
            partition by deal_id, signal_key
            order by
                occurred_at desc nulls last,
                case when status = 'open' then 0 else 1 end,
                {{ text_order('call_id') }} desc,
                {{ text_order('run_id') }} desc
        ) as newest_first
    from mentions
),

mentioned as (
    select
        deal_id,
        signal_key,
        count(*) as mention_count,
        max(case when newest_first = 1 then status end) as status,
        max(case when oldest_first = 1 then platform end) as first_platform,
        max(case when oldest_first = 1 then occurred_on end) as first_mentioned_on,
        max(case when newest_first = 1 then platform end) as last_platform,
        max(case when newest_first = 1 then occurred_on end) as last_mentioned_on
    from ordered
    group by deal_id, signal_key
),

catalog as (
    select * from {{ ref(var('deal_signal_catalog_model', 'deal_signal_catalog')) }}
),

expected as (
    select
        deals.deal_id,
        catalog.signal_key
    from deals
    cross join catalog
    where deals.newest_first = 1
    union distinct
    select
        deal_id,
        signal_key
    from mentioned
)

select
    expected.deal_id,
    expected.signal_key,
    deals.deal_name,
    coalesce(catalog.label, expected.signal_key) as label,
    cast(catalog.position as bigint) as position,
    coalesce(catalog.is_required, false) as is_required,
    coalesce(mentioned.status, 'missing') as status,
    cast(coalesce(mentioned.mention_count, 0) as bigint) as mention_count,
    mentioned.first_platform,
    mentioned.first_mentioned_on,
    mentioned.last_platform,
    mentioned.last_mentioned_on
from expected
inner join deals
    on
        expected.deal_id = deals.deal_id
        and deals.newest_first = 1
left join mentioned
    on
        expected.deal_id = mentioned.deal_id
        and expected.signal_key = mentioned.signal_key
left join catalog
    on expected.signal_key = catalog.signal_key
