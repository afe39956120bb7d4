with raw as (
    {{ raw_columns('chorus', 'deal_signals', {
        'call_id': 'text',
        'signal': 'text',
        'deal_id': 'text',
        'value': 'text',
        'value_number': 'number'
    }, switch='chorus_using_deals') }}
)

select
    call_id,
    signal,
    deal_id,
    value as signal_value,
    value_number as signal_number,
    extracted_at,
    loaded_at
from raw
