{% snapshot snap_chorus__users %}
{{
    config(
        unique_key='user_id',
        check_cols=['user_name', 'email', 'team_id', 'manager_id', 'is_active'],
    )
}}
select
    user_id,
    user_name,
    email,
    primary_team_id as team_id,
    manager_id,
    is_active,
    coalesce(extracted_at, loaded_at) as extracted_at
from {{ ref('stg_chorus__users') }}
{% endsnapshot %}
