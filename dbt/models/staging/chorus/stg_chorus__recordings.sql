with raw as (
    {{ raw_columns('chorus', 'recordings', {
        'call_id': 'text',
        'recording_index': 'bigint',
        'available': 'boolean',
        'media_type': 'text',
        'audio_only': 'boolean'
    }, switch='chorus_using_recordings') }}
)

select
    call_id,
    recording_index,
    available as is_available,
    media_type,
    audio_only as is_audio_only,
    extracted_at,
    loaded_at
from raw
