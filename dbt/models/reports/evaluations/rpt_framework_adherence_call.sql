with steps as (
    select
        run_id,
        sum(case when is_followed then 1 else 0 end) as steps_followed,
        sum(case when is_followed is not null then 1 else 0 end) as steps_total,
        sum(case when is_followed is null then 1 else 0 end) as steps_unscored
    from {{ ref('fct_framework_steps') }}
    where is_reported
    group by run_id
),

evaluations as (
    select * from {{ ref('fct_evaluations') }}
),

calls as (
    select * from {{ ref('fct_calls') }}
)

select
    steps.run_id,
    evaluations.call_id,
    evaluations.platform,
    evaluations.kit_code,
    evaluations.kit_version_id,
    calls.started_at,
    calls.started_on,
    calls.call_type,
    coalesce(calls.owner_user_id, calls.owner_email) as rep_id,
    calls.rep_name,
    calls.team_id,
    calls.team_name,
    cast(steps.steps_followed as bigint) as steps_followed,
    cast(steps.steps_total - steps.steps_followed as bigint) as steps_skipped,
    cast(steps.steps_total as bigint) as steps_total,
    cast(steps.steps_unscored as bigint) as steps_unscored,
    {{ ratio('steps.steps_followed', 'steps.steps_total') }} as adherence_ratio,
    cast(steps.steps_followed as {{ dbt.type_string() }})
    || ' of '
    || cast(steps.steps_total as {{ dbt.type_string() }})
    || ' steps followed · '
    || {{ percent_text('steps.steps_followed', 'steps.steps_total') }} as card_text,
    evaluations.steps_followed as reported_steps_followed,
    evaluations.framework_adherence as reported_adherence_ratio
from steps
inner join evaluations
    on steps.run_id = evaluations.run_id
inner join calls
    on evaluations.call_id = calls.call_id
