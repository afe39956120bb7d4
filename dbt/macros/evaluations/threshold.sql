{# One of the thresholds of the var `thresholds`, as a decimal: a float would sort 0.9 below or above 0.9. #}
{% macro threshold(name, fallback) -%}
    cast({{ var('thresholds', {}).get(name, fallback) }} as decimal(9, 4))
{%- endmacro %}
