{%- set call_types = var('discovery_call_types') %}
{%- set label = var('discovery_call_label', 'discovery calls') if call_types else 'calls' %}

with steps as (
    select * from {{ ref('fct_framework_steps') }}
    where is_reported and is_followed is not null
),

calls as (
    select
        call_id,
        week_starting_on,
        coalesce(team_id, 'none') as team_id
    from {{ ref('fct_calls') }}
    where
        week_starting_on is not null
    {%- if call_types %}
        and lower(call_type) in (
            {%- for call_type in call_types %}'{{ call_type | lower }}'{{ ', ' if not loop.last }}{% endfor -%}
        )
        {%- endif %}
),

scored as (
    select
        calls.week_starting_on,
        calls.team_id,
        steps.kit_code,
        steps.kit_version_id,
        steps.step_key,
        steps.label,
        steps.position,
        steps.is_followed
    from steps
    inner join calls
        on steps.call_id = calls.call_id
),

spread as (
    select * from scored
    union all
    select
        week_starting_on,
        'all' as team_id,
        kit_code,
        kit_version_id,
        step_key,
        label,
        position,
        is_followed
    from scored
),

counted as (
    select
        week_starting_on,
        team_id,
        kit_code,
        kit_version_id,
        step_key,
        label,
        position,
        count(*) as calls_scored,
        sum(case when is_followed then 1 else 0 end) as calls_followed,
        sum(case when is_followed then 0 else 1 end) as calls_skipped
    from spread
    group by week_starting_on, team_id, kit_code, kit_version_id, step_key, label, position
),

teams as (
    select
        team_id,
        team_name
    from {{ ref('dim_teams') }}
)

select
    counted.week_starting_on,
    counted.kit_code,
    counted.kit_version_id,
    counted.team_id,
    case counted.team_id
        when 'all' then 'All teams'
        when 'none' then 'No team'
        else coalesce(teams.team_name, counted.team_id)
    end as team_name,
    counted.step_key,
    counted.label,
    counted.position,
    cast(counted.calls_scored as bigint) as calls_scored,
    cast(counted.calls_followed as bigint) as calls_followed,
    cast(counted.calls_skipped as bigint) as calls_skipped,
    {{ ratio('counted.calls_skipped', 'counted.calls_scored') }} as skip_ratio,
    counted.label
    || ' skipped in '
    || {{ percent_text('counted.calls_skipped', 'counted.calls_scored') }}
    || ' of {{ label }}' as sentence
from counted
left join teams
    on counted.team_id = teams.team_id
