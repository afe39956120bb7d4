{# A text to sort by its bytes, which is what every database but Postgres does unless told otherwise. #}
{% macro text_order(expression) %}
    {{- return(adapter.dispatch('text_order', 'chorus_elt')(expression)) -}}
{% endmacro %}

{% macro default__text_order(expression) -%}
    {{ expression }}
{%- endmacro %}

{% macro postgres__text_order(expression) -%}
    {{ expression }} collate "C"
{%- endmacro %}
