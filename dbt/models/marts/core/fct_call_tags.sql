{{ config(enabled=var('chorus_using_tags', true)) }}

select
    tags.call_id,
    tags.tag,
    tags.tag_value
from {{ ref('stg_chorus__tags') }} as tags
inner join {{ ref('stg_chorus__calls') }} as calls
    on tags.call_id = calls.call_id
