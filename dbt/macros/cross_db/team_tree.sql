{#
  Each team under its root: `teams`, whose parents are known and another team, and `tree`, which has those that lead to a root,
  with their level from 1 and the names on the way.
#}
{% macro team_tree() %}
    {{- return(adapter.dispatch('team_tree', 'chorus_elt')()) -}}
{% endmacro %}

{% macro default__team_tree() -%}
with recursive {{ chorus_elt.teams_with_parents() }},

tree as (
    select
        team_id,
        1 as team_level,
        coalesce(team_name, team_id) as team_path,
        team_id as root_team_id
    from teams
    where parent_team_id is null
    union all
    select
        teams.team_id,
        tree.team_level + 1 as team_level,
        tree.team_path || ' / ' || coalesce(teams.team_name, teams.team_id) as team_path,
        tree.root_team_id
    from teams
    inner join tree
        on teams.parent_team_id = tree.team_id
)
{%- endmacro %}

{#
  There dbt puts the query of a contract into another one, where it must not be recursive
  (https://github.com/dbt-labs/dbt-adapters/issues/582): so ten levels are joined, and what is deeper counts as a circle.
#}
{% macro bigquery__team_tree() -%}
{%- set above = range(1, 10) -%}
with {{ chorus_elt.teams_with_parents() }},

tree as (
    select
        team_0.team_id,
        1{% for i in above %} + if(team_{{ i }}.team_id is null, 0, 1){% endfor %} as team_level,
        concat(
            {%- for i in above | reverse %}
            coalesce(coalesce(team_{{ i }}.team_name, team_{{ i }}.team_id) || ' / ', ''),
            {%- endfor %}
            coalesce(team_0.team_name, team_0.team_id)
        ) as team_path,
        coalesce({% for i in above | reverse %}team_{{ i }}.team_id, {% endfor %}team_0.team_id) as root_team_id
    from teams as team_0
    {%- for i in above %}
    left join teams as team_{{ i }}
        on team_{{ i - 1 }}.parent_team_id = team_{{ i }}.team_id
    {%- endfor %}
    where team_{{ above | last }}.parent_team_id is null
)
{%- endmacro %}

{% macro teams_with_parents() -%}
teams as (
    select
        child.team_id,
        child.team_name,
        child.manager_id,
        child.is_default,
        case when parent.team_id <> child.team_id then parent.team_id end as parent_team_id
    from {{ ref('stg_chorus__teams') }} as child
    left join {{ ref('stg_chorus__teams') }} as parent
        on child.parent_team_id = parent.team_id
)
{%- endmacro %}
