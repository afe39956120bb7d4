{# The team is the one at the time of the call; calls of nobody's team are under `none`. #}
with sums as (
    select
        calls.week_starting_on,
        coalesce(calls.team_id, 'none') as team_id,
        {{ call_sums() }}
    from {{ ref('fct_calls') }} as calls
    where not calls.is_deleted and calls.week_starting_on is not null
    group by calls.week_starting_on, coalesce(calls.team_id, 'none')
)

select
    sums.week_starting_on,
    sums.team_id,
    teams.team_name,
    {{ call_figures() }}
from sums
left join {{ ref('dim_teams') }} as teams
    on sums.team_id = teams.team_id
