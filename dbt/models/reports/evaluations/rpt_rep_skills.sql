with skills as (
    select * from {{ ref('fct_rep_skills') }}
    where is_reported and rep_id is not null and call_started_at is not null
),

ordered as (
    select
        *,
        row_number() over (
            partition by rep_id, skill_key
            order by call_started_at, {{ text_order('call_id') }}, {{ text_order('run_id') }}
        ) as oldest_first,
        row_number() over (
            partition by rep_id, skill_key
            order by call_started_at desc, {{ text_order('call_id') }} desc, {{ text_order('run_id') }} desc
        ) as newest_first
    from skills
)

select
    rep_id,
    skill_key,
    max(case when newest_first = 1 then label end) as label,
    max(case when newest_first = 1 then position end) as position,
    max(case when newest_first = 1 then score end) as score,
    max(case when oldest_first = 1 then score end) as first_score,
    max(case when newest_first = 1 then threshold end) as threshold,
    max(case when newest_first = 1 and is_weak then 1 else 0 end) = 1 as is_weak,
    cast(count(*) as bigint) as calls_scored,
    max(case when newest_first = 1 then run_id end) as last_run_id
from ordered
group by rep_id, skill_key
