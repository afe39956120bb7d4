{# Lets Postgres count what was just built: a plan made without that can take a hundred times as long. #}
{% macro analyze() -%}
    {{ return(adapter.dispatch('analyze', 'chorus_elt')()) }}
{%- endmacro %}

{% macro default__analyze() -%}
{%- endmacro %}

{% macro postgres__analyze() -%}
    analyze {{ this }}
{%- endmacro %}
