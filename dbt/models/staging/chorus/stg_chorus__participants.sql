with raw as (
    {{ raw_columns('chorus', 'participants', {
        'call_id': 'text',
        'participant_id': 'text',
        'user_id': 'text',
        'name': 'text',
        'email': 'text',
        'company': 'text',
        'title': 'text',
        'role': 'text'
    }) }}
)

select
    call_id,
    participant_id,
    user_id,
    name as participant_name,
    lower(email) as email,
    company,
    title as job_title,
    role,
    extracted_at,
    loaded_at
from raw
