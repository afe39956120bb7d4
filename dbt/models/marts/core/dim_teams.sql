{# A team is below its parent. Where parents form a circle, or the parent is not known, the team is a root. #}
with recursive teams as (
    select
        child.team_id,
        child.team_name,
        child.manager_id,
        child.is_default,
        case when parent.team_id <> child.team_id then parent.team_id end as parent_team_id
    from {{ ref('stg_chorus__teams') }} as child
    left join {{ ref('stg_chorus__teams') }} as parent
        on child.parent_team_id = parent.team_id
),

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

select
    teams.team_id,
    teams.team_name,
    case when tree.team_id is not null then teams.parent_team_id end as parent_team_id,
    teams.manager_id,
    teams.is_default,
    cast(coalesce(tree.team_level, 1) as bigint) as team_level,
    coalesce(tree.team_path, teams.team_name, teams.team_id) as team_path,
    coalesce(tree.root_team_id, teams.team_id) as root_team_id,
    tree.team_id is null as is_in_circle
from teams
left join tree
    on teams.team_id = tree.team_id
