with evaluations as (
    select * from {{ ref('int_evaluations') }}
    where is_counted
),

steps as (
    select * from {{ ref(var('kit_catalog_model', 'kit_catalog')) }}
    where role = 'step'
),

bricks as (
    select
        run_id,
        brick_key,
        value_boolean,
        confidence
    from {{ ref('int_bricks_catalogued') }}
    where role = 'step'
)

select
    evaluations.run_id,
    steps.item_key as step_key,
    steps.label,
    cast(steps.position as bigint) as position,
    evaluations.call_id,
    evaluations.kit_code,
    evaluations.kit_version_id,
    bricks.value_boolean as is_followed,
    bricks.confidence,
    evaluations.is_latest,
    evaluations.is_reported
from evaluations
inner join steps
    on evaluations.kit_code = steps.kit_code
left join bricks
    on
        evaluations.run_id = bricks.run_id
        and steps.brick_key = bricks.brick_key
