{# A threshold from a var, as a decimal: as a float 0.9 would not be 0.9. #}
{% macro threshold(name) -%}
    {{ as_decimal(var(name), 9, 4) }}
{%- endmacro %}
