{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='call_id',
        on_schema_change='fail',
        enabled=var('chorus_using_utterances', true),
        post_hook='{{ delete_stale() }}',
        meta={'contains_pii': true},
    )
}}

select
    turns.call_id,
    turns.utterance_index,
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
