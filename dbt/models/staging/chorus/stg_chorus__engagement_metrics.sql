with raw as (
    {{ raw_columns('chorus', 'engagement_metrics', {
        'call_id': 'text',
        'metric': 'text',
        'participant_id': 'text',
        'value': 'decimal',
        'unit': 'text',
        'origin': 'text'
    }) }}
)

select
    call_id,
    metric,
    participant_id,
    value as metric_value,
    unit,
    origin,
    extracted_at,
    loaded_at
from raw
