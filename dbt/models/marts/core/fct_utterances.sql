{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        enabled=var('chorus_using_utterances', true),
        pre_hook='{{ delete_touched() }}',
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
    touched.loaded_at
from {{ ref('int_turns') }} as turns
inner join {{ ref('int_calls__touched') }} as touched
    on turns.call_id = touched.call_id
where {{ not_built('turns.call_id') }}
