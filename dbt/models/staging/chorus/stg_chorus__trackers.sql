with raw as (
    {{ raw_columns('chorus', 'trackers', {
        'call_id': 'text',
        'tracker_id': 'text',
        'name': 'text',
        'type': 'text',
        'source': 'text',
        'mention_count': 'bigint'
    }, switch='chorus_using_trackers') }}
)

select
    call_id,
    tracker_id,
    name as tracker_name,
    lower(type) as tracker_type,
    source as tracker_source,
    mention_count,
    extracted_at,
    loaded_at
from raw
