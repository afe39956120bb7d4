with bricks as (
    select * from {{ ref('stg_semarize__bricks') }}
),

evaluations as (
    select
        run_id,
        call_id,
        kit_code,
        kit_version_id,
        purpose,
        is_counted,
        is_latest,
        is_reported
    from {{ ref('int_evaluations') }}
),

catalog as (
    select * from {{ ref(var('kit_catalog_model', 'kit_catalog')) }}
)

select
    bricks.run_id,
    bricks.brick_key,
    evaluations.call_id,
    evaluations.kit_code,
    evaluations.kit_version_id,
    evaluations.purpose,
    evaluations.is_counted,
    evaluations.is_latest,
    evaluations.is_reported,
    catalog.brick_key is not null as is_catalogued,
    catalog.role,
    catalog.item_key,
    coalesce(catalog.label, bricks.brick_key) as label,
    cast(catalog.position as bigint) as position,
    bricks.value_kind,
    bricks.value_boolean,
    bricks.value_number,
    bricks.value_string,
    bricks.item_count,
    bricks.confidence,
    bricks.reason,
    bricks.evidence,
    bricks.loaded_at
from bricks
inner join evaluations
    on bricks.run_id = evaluations.run_id
left join catalog
    on
        evaluations.kit_code = catalog.kit_code
        and bricks.brick_key = catalog.brick_key
