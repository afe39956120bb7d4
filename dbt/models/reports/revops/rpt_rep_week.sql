with sums as (
    select
        calls.week_starting_on,
        calls.owner_user_id,
        {{ call_sums() }}
    from {{ ref('fct_calls') }} as calls
    where not calls.is_deleted and calls.owner_user_id is not null and calls.week_starting_on is not null
    group by calls.week_starting_on, calls.owner_user_id
)

select
    sums.week_starting_on,
    sums.owner_user_id,
    users.user_name as rep_name,
    users.team_name,
    {{ call_figures() }}
from sums
left join {{ ref('dim_users') }} as users
    on sums.owner_user_id = users.user_id
