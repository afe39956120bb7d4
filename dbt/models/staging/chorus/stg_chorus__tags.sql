with raw as (
    {{ raw_columns('chorus', 'tags', {
        'call_id': 'text',
        'tag': 'text',
        'value': 'text'
    }, switch='chorus_using_tags') }}
)

select
    call_id,
    tag,
    value as tag_value,
    extracted_at,
    loaded_at
from raw
