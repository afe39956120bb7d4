with raw as (
    {{ raw_columns('meetings', 'meeting_utterances', {
        'meeting_id': 'text',
        'utterance_index': 'bigint',
        'speaker': 'text',
        'role': 'text',
        'start_seconds': 'decimal',
        'duration_seconds': 'decimal',
        'word_count': 'bigint',
        'text': 'text'
    }, switch='chorus_using_meetings') }}
)

select
    meeting_id,
    utterance_index,
    speaker,
    role,
    start_seconds,
    duration_seconds,
    word_count,
    text as utterance_text,
    extracted_at,
    loaded_at
from raw
