{{ config(severity='warn') }}

-- The kit's own count of signals is not the number that it lists; one that is also listed as open is not present.
with signals as (
    select
        run_id,
        sum(case when status = 'present' then 1 else 0 end) as signals_found
    from {{ ref('fct_deal_signals') }}
    where is_reported
    group by run_id
)

select
    evaluations.run_id,
    evaluations.signals_found as reported,
    coalesce(signals.signals_found, 0) as counted
from {{ ref('fct_evaluations') }} as evaluations
left join signals
    on evaluations.run_id = signals.run_id
where
    evaluations.is_reported
    and evaluations.signals_found <> coalesce(signals.signals_found, 0)
