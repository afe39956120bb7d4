with raw as (
    {{ raw_columns('meetings', 'meeting_transcripts', {
        'meeting_id': 'text',
        'status': 'text',
        'utterance_count': 'bigint',
        'word_count': 'bigint',
        'transcript_hash': 'text'
    }, switch='chorus_using_meetings') }}
)

select
    meeting_id,
    status as transcript_status,
    utterance_count,
    word_count,
    transcript_hash,
    extracted_at,
    loaded_at
from raw
