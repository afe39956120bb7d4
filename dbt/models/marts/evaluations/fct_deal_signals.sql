with bricks as (
    select
        run_id,
        brick_key,
        call_id,
        kit_code,
        kit_version_id,
        role,
        is_latest,
        is_reported
    from {{ ref('int_bricks_catalogued') }}
    where is_counted and role in ('signals', 'open_signals')
),

items as (
    select
        run_id,
        brick_key,
        trim(item_value) as signal_key
    from {{ ref('stg_semarize__brick_items') }}
    where trim(item_value) <> ''
),

signals as (
    select
        bricks.run_id,
        items.signal_key,
        bricks.call_id,
        bricks.kit_code,
        bricks.kit_version_id,
        bricks.is_latest,
        bricks.is_reported,
        max(case when bricks.role = 'open_signals' then 1 else 0 end) = 1 as is_open
    from bricks
    inner join items
        on
            bricks.run_id = items.run_id
            and bricks.brick_key = items.brick_key
    group by
        bricks.run_id,
        items.signal_key,
        bricks.call_id,
        bricks.kit_code,
        bricks.kit_version_id,
        bricks.is_latest,
        bricks.is_reported
),

catalog as (
    select * from {{ ref(var('deal_signal_catalog_model', 'deal_signal_catalog')) }}
),

conversations as (
    select
        call_id,
        platform,
        deal_id,
        started_at,
        started_on
    from {{ ref('int_conversations') }}
)

select
    signals.run_id,
    signals.signal_key,
    coalesce(catalog.label, signals.signal_key) as label,
    cast(catalog.position as bigint) as position,
    coalesce(catalog.is_required, false) as is_required,
    case when signals.is_open then 'open' else 'present' end as status,
    signals.call_id,
    conversations.deal_id,
    conversations.platform,
    conversations.started_at as occurred_at,
    conversations.started_on as occurred_on,
    signals.kit_code,
    signals.kit_version_id,
    signals.is_latest,
    signals.is_reported
from signals
left join catalog
    on signals.signal_key = catalog.signal_key
left join conversations
    on signals.call_id = conversations.call_id
