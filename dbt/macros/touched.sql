{#
    Incremental models build every call anew of which anything was loaded since they were built, less `lookback_hours`: a late
    transcript, an edited call and a set that has shrunk all count. `delete_touched`, before the model, takes the rows of
    those calls away, and those of calls that are gone; the model then adds the calls that are `not_built`. So a call is
    there whole or not at all, and what a build that was killed has left out is added by the next.
#}
{% macro delete_touched() -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where
        call_id not in (select known.call_id from {{ ref('int_calls__touched') }} as known)
        or call_id in (
            select recent.call_id
            from {{ ref('int_calls__touched') }} as recent
            where recent.loaded_at >= (
                select
                    coalesce(max(built.loaded_at), cast('1900-01-01' as timestamp))
                    - interval '{{ var("lookback_hours") }} hours'
                from {{ this }} as built
            )
        )
    {%- endif -%}
{%- endmacro %}

{% macro not_built(call_id) -%}
    {% if is_incremental() %}{{ call_id }} not in (select built.call_id from {{ this }} as built){% else %}true{% endif %}
{%- endmacro %}
