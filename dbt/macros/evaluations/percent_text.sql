{# `67 %`: a share of a whole as a reader says it. Null when the whole is zero. #}
{% macro percent_text(numerator, denominator) -%}
    cast(
        cast({{ safe_ratio(numerator, denominator, 2) }} * 100 as {{ dbt.type_bigint() }})
        as {{ dbt.type_string() }}
    ) || ' %'
{%- endmacro %}
