{#
    Incremental models hold with every row when its call was loaded, as `loaded_at`. A call whose rows say another time than
    `int_calls__touched` does, or which has none, is built anew, whatever has been loaded of it: a late transcript, an edit, a
    set that has shrunk. There is no watermark that a load which was committed late could slip behind.
#}
{% macro calls_to_build() -%}
    (
        select
            touched.call_id,
            touched.loaded_at
        from {{ ref('int_calls__touched') }} as touched
        {% if is_incremental() %}
        left join (
            select
                old_rows.call_id,
                min(old_rows.loaded_at) as loaded_at
            from {{ this }} as old_rows
            group by old_rows.call_id
        ) as old_calls
            on touched.call_id = old_calls.call_id
        where old_calls.loaded_at is null or old_calls.loaded_at <> touched.loaded_at
        {% endif %}
    )
{%- endmacro %}

{# Takes away what is left of calls that are gone, and of sets that have become empty: nothing was put in their place. #}
{% macro delete_stale() -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where
        not exists (
            select 1
            from {{ ref('int_calls__touched') }} as touched
            where
                touched.call_id = {{ this.identifier }}.call_id
                and touched.loaded_at = {{ this.identifier }}.loaded_at
        )
    {%- endif -%}
{%- endmacro %}
