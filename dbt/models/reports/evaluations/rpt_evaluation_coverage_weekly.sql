with conversations as (
    select
        call_id,
        week_starting_on,
        has_transcript
    from {{ ref('int_conversations') }}
    where week_starting_on is not null and not is_deleted
),

evaluated as (
    select * from {{ ref('int_call_evaluated') }}
),

counted as (
    select
        conversations.week_starting_on,
        count(*) as conversation_count,
        sum(case when conversations.has_transcript then 1 else 0 end) as with_transcript_count,
        sum(case when evaluated.is_evaluated then 1 else 0 end) as evaluated_count,
        sum(case when conversations.has_transcript and evaluated.is_evaluated then 1 else 0 end)
            as with_transcript_evaluated_count,
        sum(case when evaluated.has_failed_run then 1 else 0 end) as failed_run_count,
        sum(case when evaluated.has_failed_run and not evaluated.is_evaluated then 1 else 0 end) as only_failed_count
    from conversations
    left join evaluated
        on conversations.call_id = evaluated.call_id
    group by conversations.week_starting_on
)

select
    week_starting_on,
    cast(conversation_count as bigint) as conversation_count,
    cast(with_transcript_count as bigint) as with_transcript_count,
    cast(evaluated_count as bigint) as evaluated_count,
    cast(failed_run_count as bigint) as failed_run_count,
    cast(only_failed_count as bigint) as only_failed_count,
    {{ ratio('with_transcript_evaluated_count', 'with_transcript_count') }} as evaluated_ratio
from counted
