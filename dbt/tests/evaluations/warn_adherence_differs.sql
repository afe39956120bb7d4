{{ config(severity='warn') }}

-- The kit's own adherence is further than 0.02 from the share of steps that were followed.
select
    run_id,
    adherence_ratio,
    reported_adherence_ratio
from {{ ref('rpt_framework_adherence_call') }}
where abs(adherence_ratio - reported_adherence_ratio) > 0.02
