with raw as (
    {{ raw_columns('chorus', 'tracker_mentions', {
        'call_id': 'text',
        'tracker_id': 'text',
        'mention_index': 'bigint',
        'tracker_name': 'text',
        'offset_seconds': 'decimal',
        'utterance_index': 'bigint'
    }, switch='chorus_using_trackers') }}
)

select
    call_id,
    tracker_id,
    mention_index,
    tracker_name,
    offset_seconds,
    utterance_index,
    extracted_at,
    loaded_at
from raw
