with primary_teams as (
    select
        user_id,
        min({{ text_order('team_id') }}) as team_id
    from {{ ref('stg_chorus__team_members') }}
    where is_primary
    group by user_id
),

users as (
    select
        users.*,
        coalesce(users.primary_team_id, primary_teams.team_id) as team_id
    from {{ ref('stg_chorus__users') }} as users
    left join primary_teams
        on users.user_id = primary_teams.user_id
)

select
    users.user_id,
    users.user_name,
    users.email,
    users.user_role,
    users.job_title,
    users.team_id,
    teams.team_name,
    users.manager_id,
    managers.user_name as manager_name,
    users.is_active,
    users.crm_user_id,
    users.created_at
from users
left join {{ ref('stg_chorus__teams') }} as teams
    on users.team_id = teams.team_id
left join users as managers
    on users.manager_id = managers.user_id
