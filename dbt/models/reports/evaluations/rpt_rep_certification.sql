with scored as (
    select
        evaluations.run_id,
        evaluations.call_id,
        evaluations.kit_code,
        evaluations.kit_version_id,
        calls.started_at,
        calls.started_on,
        coalesce(calls.owner_user_id, calls.owner_email) as rep_id,
        coalesce(calls.rep_name, calls.owner_email) as rep_name,
        -- Hundredths of a point: whole numbers, so that every database comes to the same calls to go.
        cast(evaluations.rep_readiness * 100 as bigint) as readiness
    from {{ ref('fct_evaluations') }} as evaluations
    inner join {{ ref('fct_calls') }} as calls
        on evaluations.call_id = calls.call_id
    where
        evaluations.is_reported
        and evaluations.purpose = 'certification'
        and evaluations.rep_readiness is not null
        and calls.started_at is not null
        and coalesce(calls.owner_user_id, calls.owner_email) is not null
),

ordered as (
    select
        *,
        row_number() over (
            partition by rep_id
            order by started_at, {{ text_order('call_id') }}, {{ text_order('run_id') }}
        ) as oldest_first,
        row_number() over (
            partition by rep_id
            order by started_at desc, {{ text_order('call_id') }} desc, {{ text_order('run_id') }} desc
        ) as newest_first
    from scored
),

reps as (
    select
        rep_id,
        count(*) as calls_scored,
        max(case when newest_first = 1 then run_id end) as last_run_id,
        max(case when newest_first = 1 then call_id end) as last_call_id,
        max(case when newest_first = 1 then started_on end) as last_scored_on,
        max(case when newest_first = 1 then kit_code end) as kit_code,
        max(case when newest_first = 1 then kit_version_id end) as kit_version_id,
        max(case when newest_first = 1 then rep_name end) as rep_name,
        max(case when oldest_first = 1 then readiness end) as first_readiness,
        max(case when newest_first = 1 then readiness end) as readiness,
        cast({{ threshold('certified_readiness') }} * 10000 as bigint) as certified,
        cast({{ threshold('close_readiness') }} * 10000 as bigint) as close_to
    from ordered
    group by rep_id
),

measured as (
    select
        *,
        case
            when readiness >= certified then 'certified'
            when readiness >= close_to then 'close'
            else 'needs_coaching'
        end as status,
        case
            when readiness >= certified then 0
            -- The gap over the mean gain a call, rounded up: gap / ((last - first) / (n - 1)).
            when readiness > first_readiness
                then {{ integer_division(
                    '(certified - readiness) * (calls_scored - 1) + (readiness - first_readiness) - 1',
                    'readiness - first_readiness',
                ) }}
        end as calls_to_go
    from reps
),

skills as (
    select
        run_id,
        label,
        position,
        is_weak,
        row_number() over (partition by run_id order by score, position, {{ text_order('skill_key') }}) as weakest_first
    from {{ ref('fct_rep_skills') }}
),

weaknesses as (
    select
        run_id,
        max(case when weakest_first = 1 then label end) as weakest_skill,
        {{ dbt.listagg(
            measure="case when is_weak then label end",
            delimiter_text="', '",
            order_by_clause="order by weakest_first",
        ) }} as weak_areas
    from skills
    group by run_id
),

users as (
    select * from {{ ref('dim_users') }}
)

select
    measured.rep_id,
    coalesce(measured.rep_name, measured.rep_id) as rep_name,
    users.team_id,
    users.team_name,
    {{ ratio('measured.readiness', '10000') }} as readiness,
    measured.status,
    cast(measured.calls_to_go as bigint) as calls_to_go,
    case
        when measured.calls_scored > 1
            then {{ ratio(
                'measured.readiness - measured.first_readiness',
                '(measured.calls_scored - 1) * 10000',
            ) }}
    end as improvement_rate,
    cast(measured.calls_scored as bigint) as calls_scored,
    weaknesses.weakest_skill,
    weaknesses.weak_areas,
    {{ ratio('measured.first_readiness', '10000') }} as first_readiness,
    measured.last_scored_on,
    measured.last_call_id,
    measured.last_run_id,
    measured.kit_code,
    measured.kit_version_id,
    {{ percent_text('measured.readiness', '10000') }}
    || case
        when measured.status = 'certified' then ' · Certified'
        when measured.status = 'needs_coaching' then ' · Needs coaching'
        when measured.calls_to_go is null then ' · Not improving'
        when measured.calls_to_go = 1 then ' · 1 call to go'
        else ' · ' || cast(measured.calls_to_go as {{ dbt.type_string() }}) || ' calls to go'
    end as card_text
from measured
left join weaknesses
    on measured.last_run_id = weaknesses.run_id
left join users
    on measured.rep_id = users.user_id
