{{ config(severity='warn') }}

-- The kit's own count of claims is not the sum over its competitors.
with claims as (
    select
        run_id,
        sum(claims_checked) as claims_checked
    from {{ ref('fct_competitor_claims') }}
    where is_reported
    group by run_id
)

select
    evaluations.run_id,
    evaluations.claims_checked as reported,
    claims.claims_checked as counted
from {{ ref('fct_evaluations') }} as evaluations
inner join claims
    on evaluations.run_id = claims.run_id
where evaluations.claims_checked <> claims.claims_checked
