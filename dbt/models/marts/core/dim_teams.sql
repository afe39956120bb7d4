{# A team is below its parent. Where parents form a circle, or the parent is not known, the team is a root. #}
{{ team_tree() }}

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
