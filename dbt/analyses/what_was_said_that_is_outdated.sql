{{ config(enabled=var('chorus_using_semarize', true)) }}

-- What exactly do reps say about a competitor that is no longer true?
select
    calls.started_on,
    claims.competitor,
    calls.rep_name,
    items.item_value as outdated_claim
from {{ ref('fct_competitor_claims') }} as claims
inner join {{ ref('fct_brick_values') }} as bricks
    on
        claims.run_id = bricks.run_id
        and claims.competitor_key = bricks.item_key
        and bricks.role = 'outdated'
inner join {{ ref('stg_semarize__brick_items') }} as items
    on
        bricks.run_id = items.run_id
        and bricks.brick_key = items.brick_key
inner join {{ ref('fct_calls') }} as calls
    on claims.call_id = calls.call_id
where claims.is_reported
order by calls.started_on desc, claims.competitor asc, items.item_index asc
