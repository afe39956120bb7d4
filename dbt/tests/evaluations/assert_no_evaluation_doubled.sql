-- Every loaded run is there once, and a conversation has at most one latest run per kit.
select
    'run' as what,
    runs.run_id as id
from {{ ref('stg_semarize__runs') }} as runs
left join {{ ref('fct_evaluations') }} as evaluations
    on runs.run_id = evaluations.run_id
group by runs.run_id
having count(evaluations.run_id) <> 1
union all
select
    'conversation and kit' as what,
    call_id || ' ' || kit_code as id
from {{ ref('fct_evaluations') }}
group by call_id, kit_code
having
    sum(case when is_latest then 1 else 0 end) > 1
    or max(case when is_counted then 1 else 0 end) <> max(case when is_latest then 1 else 0 end)
