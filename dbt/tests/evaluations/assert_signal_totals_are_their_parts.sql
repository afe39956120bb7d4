-- The total of a deal is the sum of its platforms, and no signal that counts is lost on the way to a deal.
with reported as (
    select
        deal_id,
        chorus_signals + zoom_signals + teams_signals + other_signals as parts,
        total_signals
    from {{ ref('rpt_deal_signal_coverage') }}
),

found as (
    select
        deal_id,
        count(*) as signals
    from {{ ref('fct_deal_signals') }}
    where is_reported and status = 'present' and deal_id is not null
    group by deal_id
)

select
    coalesce(reported.deal_id, found.deal_id) as deal_id,
    reported.parts,
    reported.total_signals,
    found.signals
from reported
full outer join found
    on reported.deal_id = found.deal_id
where
    coalesce(reported.parts, -1) <> coalesce(reported.total_signals, -1)
    or coalesce(reported.total_signals, 0) <> coalesce(found.signals, 0)
