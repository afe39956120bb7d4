with claims as (
    select * from {{ ref('fct_competitor_claims') }}
    where is_reported and claims_checked > 0
),

conversations as (
    select
        call_id,
        month_starting_on
    from {{ ref('int_conversations') }}
    where month_starting_on is not null
),

made as (
    select
        conversations.month_starting_on,
        claims.competitor_key,
        claims.competitor,
        claims.call_id,
        claims.claims_checked,
        claims.claims_accurate,
        claims.claims_outdated
    from claims
    inner join conversations
        on claims.call_id = conversations.call_id
),

spread as (
    select * from made
    union all
    select
        month_starting_on,
        'all' as competitor_key,
        'All competitors' as competitor,
        call_id,
        claims_checked,
        claims_accurate,
        claims_outdated
    from made
),

counted as (
    select
        month_starting_on,
        competitor_key,
        max(competitor) as competitor,
        count(distinct call_id) as call_count,
        {{ sum_bigint('claims_checked') }} as claims,
        {{ sum_bigint('claims_accurate') }} as accurate,
        {{ sum_bigint('claims_outdated') }} as outdated
    from spread
    group by month_starting_on, competitor_key
)

select
    month_starting_on,
    competitor_key,
    competitor,
    competitor_key = 'all' as is_total,
    cast(call_count as bigint) as call_count,
    claims,
    accurate,
    outdated,
    {{ ratio('accurate', 'claims') }} as accuracy_ratio,
    case
        when competitor_key = 'all' then null
        when outdated = 0 then 'Up to date'
        when accurate < claims * {{ threshold('urgent_accuracy') }} then 'Urgent update'
        else 'Update battlecard'
    end as action
from counted
