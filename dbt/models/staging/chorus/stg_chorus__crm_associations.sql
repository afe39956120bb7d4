with raw as (
    {{ raw_columns('chorus', 'crm_associations', {
        'call_id': 'text',
        'crm_object': 'text',
        'crm_id': 'text',
        'name': 'text',
        'system': 'text'
    }, switch='chorus_using_deals') }}
)

select
    call_id,
    crm_object,
    crm_id,
    name as crm_name,
    system as crm_system,
    extracted_at,
    loaded_at
from raw
