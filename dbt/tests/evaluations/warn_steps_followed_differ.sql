{{ config(severity='warn') }}

-- The kit's own count of steps is not the number of flags that are set.
select
    run_id,
    steps_followed,
    reported_steps_followed
from {{ ref('rpt_framework_adherence_call') }}
where steps_followed <> reported_steps_followed
