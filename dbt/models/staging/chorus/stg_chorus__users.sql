with raw as (
    {{ raw_columns('chorus', 'users', {
        'user_id': 'text',
        'name': 'text',
        'email': 'text',
        'role': 'text',
        'title': 'text',
        'primary_team_id': 'text',
        'manager_id': 'text',
        'active': 'boolean',
        'crm_user_id': 'text',
        'created_at': 'timestamp'
    }) }}
)

select
    user_id,
    name as user_name,
    lower(email) as email,
    role as user_role,
    title as job_title,
    primary_team_id,
    manager_id,
    coalesce(active, true) as is_active,
    crm_user_id,
    created_at,
    extracted_at,
    loaded_at
from raw
