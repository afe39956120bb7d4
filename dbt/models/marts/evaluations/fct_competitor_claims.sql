with bricks as (
    select * from {{ ref('int_bricks_catalogued') }}
    where is_counted
),

claims as (
    select
        run_id,
        item_key as competitor_key,
        call_id,
        kit_code,
        kit_version_id,
        is_latest,
        is_reported,
        max(label) as label,
        min(position) as position,
        max(case when role = 'claims' then cast(value_number as bigint) end) as claims_checked,
        max(case when role = 'outdated' then item_count end) as claims_outdated
    from bricks
    where role in ('claims', 'outdated')
    group by run_id, item_key, call_id, kit_code, kit_version_id, is_latest, is_reported
),

used as (
    select
        run_id,
        value_boolean as battlecard_used
    from bricks
    where item_key = 'battlecard_used'
)

select
    claims.run_id,
    claims.competitor_key,
    claims.label as competitor,
    claims.position,
    claims.call_id,
    claims.kit_code,
    claims.kit_version_id,
    claims.claims_checked,
    greatest(claims.claims_checked - coalesce(claims.claims_outdated, 0), 0) as claims_accurate,
    coalesce(claims.claims_outdated, 0) as claims_outdated,
    used.battlecard_used,
    claims.is_latest,
    claims.is_reported
from claims
left join used
    on claims.run_id = used.run_id
where claims.claims_checked is not null
