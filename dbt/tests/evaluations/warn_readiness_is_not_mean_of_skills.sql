{{ config(severity='warn') }}

-- The kit's own readiness is further than a point from the mean of its skills.
with skills as (
    select
        run_id,
        sum(score) as score_sum,
        count(*) as skill_count
    from {{ ref('fct_rep_skills') }}
    where is_reported
    group by run_id
)

select
    evaluations.run_id,
    evaluations.rep_readiness,
    skills.score_sum,
    skills.skill_count
from {{ ref('fct_evaluations') }} as evaluations
inner join skills
    on evaluations.run_id = skills.run_id
where abs(evaluations.rep_readiness * skills.skill_count - skills.score_sum) > skills.skill_count
