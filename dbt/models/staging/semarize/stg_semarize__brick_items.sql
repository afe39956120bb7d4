with raw as (
    {{ raw_columns('semarize', 'semarize_brick_items', {
        'run_id': 'text',
        'brick_key': 'text',
        'item_index': 'bigint',
        'item_value': 'text'
    }, switch='chorus_using_semarize') }}
)

select
    run_id,
    brick_key,
    item_index,
    item_value,
    extracted_at,
    loaded_at
from raw
