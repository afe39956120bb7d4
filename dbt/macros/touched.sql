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

{#
    How a model made of `calls_to_build` is kept up to date on this database, for its config. `day` is a column with the UTC
    timestamp of the call, which a big one is partitioned by on BigQuery.
#}
{% macro built_by_call(day=none) -%}
    {{ return(adapter.dispatch('built_by_call', 'chorus_elt')(day)) }}
{%- endmacro %}

{% macro default__built_by_call(day) -%}
    {{ return({
        'incremental_strategy': 'delete+insert',
        'unique_key': 'call_id',
        'post_hook': '{{ chorus_elt.delete_stale() }}',
    }) }}
{%- endmacro %}

{#
    There dbt knows no delete+insert, and a MERGE by key reads every column of the whole table. So what is stale goes first, and
    a MERGE without a key, which only inserts and does not read its target, brings the calls anew. A run that ends between the
    two leaves calls without rows, which the next one builds.
#}
{% macro bigquery__built_by_call(day) -%}
    {%- set config = {
        'incremental_strategy': 'merge',
        'pre_hook': "{{ chorus_elt.delete_stale_days('" ~ day ~ "') }}" if day else '{{ chorus_elt.delete_stale() }}',
        'cluster_by': ['call_id'],
    } -%}
    {%- do config.update(chorus_elt.laid_out_by(day, 'timestamp') if day else {}) -%}
    {{ return(config) }}
{%- endmacro %}

{#
    Takes away rows of calls that are built anew or are gone, and of sets that have become empty. After an insert these are what
    is left of them: nothing was put in their place.
#}
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

{#
    The same for a table that is partitioned by the day of a timestamp. BigQuery leaves partitions alone only if the statement
    itself says which ones it is about, so these are looked up first; where there are none, nothing is deleted.
#}
{% macro delete_stale_days(day) -%}
    {%- if is_incremental() -%}
    {%- set stale -%}
        select distinct format_timestamp('%F', old_rows.{{ day }}) as stale_day
        from {{ this }} as old_rows
        left join {{ ref('int_calls__touched') }} as touched
            on
                old_rows.call_id = touched.call_id
                and old_rows.loaded_at = touched.loaded_at
        where touched.call_id is null
    {%- endset -%}
    {%- set days = run_query(stale).columns[0].values() | list -%}
    {%- if days -%}
    {{ chorus_elt.delete_stale() }}
        and (
            {%- for one in days %}
            {{ 'or ' if not loop.first }}
            {%- if one is none %}{{ this.identifier }}.{{ day }} is null
            {%- else %}timestamp_trunc({{ this.identifier }}.{{ day }}, day) = timestamp '{{ one }}'
            {%- endif %}
            {%- endfor %}
        )
    {%- endif -%}
    {%- endif -%}
{%- endmacro %}
