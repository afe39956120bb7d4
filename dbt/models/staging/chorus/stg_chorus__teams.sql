with raw as (
    {{ raw_columns('chorus', 'teams', {
        'team_id': 'text',
        'name': 'text',
        'parent_team_id': 'text',
        'manager_id': 'text',
        'is_default': 'boolean'
    }) }}
)

select
    team_id,
    name as team_name,
    parent_team_id,
    manager_id,
    coalesce(is_default, false) as is_default,
    extracted_at,
    loaded_at
from raw
