{#
    How a big table is laid out on BigQuery, for its config: partitioned by the day in `column`, a day or a UTC timestamp, and
    within that by call. Elsewhere nothing.
#}
{% macro laid_out_by(column, data_type) -%}
    {{ return(adapter.dispatch('laid_out_by', 'chorus_elt')(column, data_type)) }}
{%- endmacro %}

{% macro default__laid_out_by(column, data_type) -%}
    {{ return({}) }}
{%- endmacro %}

{% macro bigquery__laid_out_by(column, data_type) -%}
    {{ return({
        'partition_by': {'field': column, 'data_type': data_type, 'granularity': 'day'},
        'cluster_by': ['call_id'],
    }) }}
{%- endmacro %}
