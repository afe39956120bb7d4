with kits as (
    select * from {{ ref(var('kits_model', 'kits')) }}
),

bricks as (
    select
        kit_code,
        count(*) as brick_count
    from {{ ref(var('kit_catalog_model', 'kit_catalog')) }}
    group by kit_code
),

runs as (
    select
        kit_code,
        max({{ text_order('kit_name') }}) as kit_name,
        count(distinct case when is_counted then kit_version_id end) as version_count,
        count(*) as run_count,
        sum(case when is_counted then 1 else 0 end) as counted_run_count,
        min(case when is_counted then finished_at end) as first_evaluated_at,
        max(case when is_counted then finished_at end) as last_evaluated_at
    from {{ ref('int_evaluations') }}
    group by kit_code
),

versions as (
    select
        kit_code,
        kit_version_id,
        row_number() over (
            partition by kit_code
            order by finished_at desc nulls last, {{ text_order('run_id') }} desc
        ) as newest_first
    from {{ ref('int_evaluations') }}
    where is_counted
),

codes as (
    select kit_code from kits
    union distinct
    select kit_code from runs
)

select
    codes.kit_code,
    coalesce(kits.purpose, 'other') as purpose,
    coalesce(kits.kit_name, runs.kit_name, codes.kit_code) as kit_name,
    kits.kit_code is not null as is_catalogued,
    cast(coalesce(bricks.brick_count, 0) as bigint) as brick_count,
    versions.kit_version_id as newest_version_id,
    cast(coalesce(runs.version_count, 0) as bigint) as version_count,
    cast(coalesce(runs.run_count, 0) as bigint) as run_count,
    cast(coalesce(runs.counted_run_count, 0) as bigint) as counted_run_count,
    runs.first_evaluated_at,
    runs.last_evaluated_at
from codes
left join kits
    on codes.kit_code = kits.kit_code
left join bricks
    on codes.kit_code = bricks.kit_code
left join runs
    on codes.kit_code = runs.kit_code
left join versions
    on
        codes.kit_code = versions.kit_code
        and versions.newest_first = 1
