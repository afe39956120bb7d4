with skills as (
    select * from {{ ref('int_bricks_catalogued') }}
    where is_counted and role = 'skill' and value_number is not null
),

thresholds as (
    select
        kit_code,
        brick_key,
        {{ as_decimal('threshold', 18, 4) }} as threshold
    from {{ ref(var('kit_catalog_model', 'kit_catalog')) }}
),

conversations as (
    select
        call_id,
        started_at,
        coalesce(owner_user_id, owner_email) as rep_id
    from {{ ref('int_conversations') }}
)

select
    skills.run_id,
    skills.item_key as skill_key,
    skills.label,
    skills.position,
    skills.call_id,
    conversations.rep_id,
    conversations.started_at as call_started_at,
    skills.kit_code,
    skills.kit_version_id,
    skills.value_number as score,
    thresholds.threshold,
    coalesce(skills.value_number < thresholds.threshold, false) as is_weak,
    skills.confidence,
    skills.is_latest,
    skills.is_reported
from skills
left join thresholds
    on
        skills.kit_code = thresholds.kit_code
        and skills.brick_key = thresholds.brick_key
left join conversations
    on skills.call_id = conversations.call_id
