with raw as (
    {{ raw_columns('chorus', 'utterances', {
        'call_id': 'text',
        'utterance_index': 'bigint',
        'speaker': 'text',
        'participant_id': 'text',
        'role': 'text',
        'start_seconds': 'decimal',
        'duration_seconds': 'decimal',
        'word_count': 'bigint',
        'text': 'text'
    }, switch='chorus_using_utterances') }}
)

select
    call_id,
    utterance_index,
    speaker,
    participant_id,
    role,
    start_seconds,
    duration_seconds,
    word_count,
    text as utterance_text,
    extracted_at,
    loaded_at
from raw
