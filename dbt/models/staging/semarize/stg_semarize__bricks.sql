with raw as (
    {{ raw_columns('semarize', 'semarize_bricks', {
        'run_id': 'text',
        'brick_key': 'text',
        'value_kind': 'text',
        'value_boolean': 'boolean',
        'value_number': 'number',
        'value_string': 'text',
        'item_count': 'bigint',
        'confidence': 'number',
        'reason': 'text',
        'evidence': 'text'
    }, switch='chorus_using_semarize') }}
)

select
    run_id,
    brick_key,
    value_kind,
    value_boolean,
    {{ as_decimal('value_number', 18, 4) }} as value_number,
    value_string,
    item_count,
    {{ as_decimal('confidence', 9, 4) }} as confidence,
    reason,
    evidence,
    extracted_at,
    loaded_at
from raw
