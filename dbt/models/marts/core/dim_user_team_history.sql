{# The first version of a user opens in 1900, so that calls older than the first snapshot have a team too. #}
with versions as (
    select
        user_id,
        team_id,
        manager_id,
        is_active,
        dbt_valid_from,
        row_number() over (partition by user_id order by dbt_valid_from) as version_number,
        lead(dbt_valid_from) over (partition by user_id order by dbt_valid_from) as next_valid_from
    from {{ ref('snap_chorus__users') }}
)

select
    user_id,
    team_id,
    manager_id,
    is_active,
    case
        when version_number = 1 then cast('1900-01-01' as timestamp)
        else cast(dbt_valid_from as timestamp)
    end as valid_from,
    coalesce(cast(next_valid_from as timestamp), cast('9999-12-31' as timestamp)) as valid_to,
    next_valid_from is null as is_current
from versions
