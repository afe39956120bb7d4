with raw as (
    {{ raw_columns('chorus', 'team_members', {
        'team_id': 'text',
        'user_id': 'text',
        'is_primary': 'boolean'
    }) }}
)

select
    team_id,
    user_id,
    coalesce(is_primary, false) as is_primary,
    extracted_at,
    loaded_at
from raw
