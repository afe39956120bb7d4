with raw as (
    {{ raw_columns('chorus', 'transcripts', {
        'call_id': 'text',
        'status': 'text',
        'language': 'text',
        'utterance_count': 'bigint',
        'word_count': 'bigint',
        'transcript_hash': 'text',
        'updated_at': 'timestamp'
    }) }}
)

select
    call_id,
    status as transcript_status,
    language,
    utterance_count,
    word_count,
    transcript_hash,
    updated_at,
    extracted_at,
    loaded_at
from raw
