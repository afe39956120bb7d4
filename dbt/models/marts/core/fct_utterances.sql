{{
    config(
        materialized='incremental',
        on_schema_change='fail',
        enabled=var('chorus_using_utterances', true),
        meta={'contains_pii': true},
        **built_by_call(day='call_started_at')
    )
}}

select
    turns.call_id,
    turns.utterance_index,
    conversations.started_at as call_started_at,
    turns.speaker,
    turns.participant_id,
    turns.speaker_role,
    turns.start_seconds,
    turns.duration_seconds,
    turns.word_count,
    {{ is_question('turns.utterance_text') }} as is_question,
    turns.utterance_text,
    calls.loaded_at
from {{ ref('int_turns') }} as turns
inner join {{ calls_to_build() }} as calls
    on turns.call_id = calls.call_id
left join {{ ref('int_conversations') }} as conversations
    on turns.call_id = conversations.call_id
