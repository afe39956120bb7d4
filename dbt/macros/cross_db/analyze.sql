{# Lets Postgres count what was just built: a plan made without that can take a hundred times as long. #}
{% macro analyze() -%}
    {{ return(adapter.dispatch('analyze', 'chorus_elt')()) }}
{%- endmacro %}

{% macro default__analyze() -%}
{%- endmacro %}

{% macro postgres__analyze() -%}
    analyze {{ this }}
{%- endmacro %}

{#
  The same for raw tables that have grown by a tenth since they were last counted, before anything is built from them:
  Postgres counts in the background, a minute or more after a load. Tables of others are left to them.
#}
{% macro analyze_raw() -%}
    {{ return(adapter.dispatch('analyze_raw', 'chorus_elt')()) }}
{%- endmacro %}

{% macro default__analyze_raw() -%}
{%- endmacro %}

{% macro postgres__analyze_raw() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'snapshot') -%}
        {%- for source in graph.sources.values() if source.package_name == 'chorus_elt' %}
            {%- set grown %}
                select 1
                from pg_stat_user_tables as counted
                inner join pg_class as tables on counted.relid = tables.oid
                where
                    counted.schemaname = '{{ source.schema }}'
                    and counted.relname = '{{ source.identifier }}'
                    and counted.n_mod_since_analyze > 0.1 * counted.n_live_tup
                    and pg_has_role(tables.relowner, 'USAGE')
            {%- endset %}
            {%- if run_query(grown) | length > 0 %}
                {%- do run_query('analyze "' ~ source.schema ~ '"."' ~ source.identifier ~ '"') %}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
{%- endmacro %}
