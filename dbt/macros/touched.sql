{#
  Incremental models rebuild every call of which anything was loaded since they were built, less `lookback_hours`: a late
  transcript, an edited call and a set that has shrunk all count. The rows of those calls go first, so that none is left of a
  set that has become smaller.
#}
{% macro touched_calls() -%}
  select recent.call_id
  from {{ ref('int_calls__touched') }} as recent
  where recent.loaded_at >= (
    select coalesce(max(built.loaded_at), cast('1900-01-01' as timestamp)) - interval '{{ var("lookback_hours") }} hours'
    from {{ this }} as built
  )
{%- endmacro %}

{% macro delete_touched() -%}
  {%- if is_incremental() -%}
    delete from {{ this }}
    where call_id in ({{ chorus_elt.touched_calls() }})
      or call_id not in (select known.call_id from {{ ref('int_calls__touched') }} as known)
  {%- endif -%}
{%- endmacro %}
