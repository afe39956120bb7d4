{{
    config(
        materialized='incremental',
        on_schema_change='fail',
        **built_by_call()
    )
}}

{# Who spoke how long in a call. A monologue is what one speaker says until another one does. #}
with turns as (
    select
        turns.call_id,
        turns.utterance_index,
        turns.speaker_key,
        turns.speaker_role,
        turns.duration_seconds,
        calls.loaded_at,
        {{ is_question('turns.utterance_text') }} as is_question,
        case
            when
                lag(turns.speaker_key) over (partition by turns.call_id order by turns.utterance_index)
                = turns.speaker_key
                then 0
            else 1
        end as is_change
    from {{ ref('int_turns') }} as turns
    inner join {{ calls_to_build() }} as calls
        on turns.call_id = calls.call_id
),

numbered as (
    select
        *,
        sum(is_change) over (
            partition by call_id order by utterance_index rows between unbounded preceding and current row
        ) as monologue
    from turns
),

monologues as (
    select
        call_id,
        monologue,
        min(speaker_role) as speaker_role,
        {{ seconds_total('duration_seconds') }} as monologue_seconds
    from numbered
    group by call_id, monologue
),

longest as (
    select
        call_id,
        cast(count(*) as bigint) as turn_count,
        {{ as_decimal("max(case when speaker_role = 'rep' then monologue_seconds end)", 18, 3) }}
            as longest_rep_monologue_seconds,
        {{ as_decimal("max(case when speaker_role = 'prospect' then monologue_seconds end)", 18, 3) }}
            as longest_prospect_monologue_seconds
    from monologues
    group by call_id
),

totals as (
    select
        call_id,
        cast(count(*) as bigint) as utterance_count,
        max(loaded_at) as loaded_at,
        {{ seconds_total('duration_seconds') }} as spoken_seconds,
        {{ seconds_total("case when speaker_role = 'rep' then duration_seconds end") }} as rep_seconds,
        {{ seconds_total("case when speaker_role = 'prospect' then duration_seconds end") }} as prospect_seconds,
        {{ count_if("speaker_role = 'rep' and is_question") }} as rep_question_count,
        {{ count_if("speaker_role = 'prospect' and is_question") }} as prospect_question_count
    from turns
    group by call_id
)

select
    totals.call_id,
    totals.utterance_count,
    longest.turn_count,
    totals.spoken_seconds,
    totals.rep_seconds,
    totals.prospect_seconds,
    longest.longest_rep_monologue_seconds,
    longest.longest_prospect_monologue_seconds,
    totals.rep_question_count,
    totals.prospect_question_count,
    totals.loaded_at
from totals
inner join longest
    on totals.call_id = longest.call_id
