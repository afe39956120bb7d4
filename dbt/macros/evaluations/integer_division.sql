{# The whole part of a quotient of two integers that are not negative; `/` would give a fraction on some databases. #}
{% macro integer_division(numerator, denominator) %}
    {{- return(adapter.dispatch('integer_division', 'chorus_elt')(numerator, denominator)) -}}
{% endmacro %}

{% macro default__integer_division(numerator, denominator) -%}
    div({{ numerator }}, {{ denominator }})
{%- endmacro %}

{% macro duckdb__integer_division(numerator, denominator) -%}
    (({{ numerator }}) // ({{ denominator }}))
{%- endmacro %}

{% macro postgres__integer_division(numerator, denominator) -%}
    (({{ numerator }}) / ({{ denominator }}))
{%- endmacro %}

{# In parentheses for emulators that make an operator of it. #}
{% macro bigquery__integer_division(numerator, denominator) -%}
    div(({{ numerator }}), ({{ denominator }}))
{%- endmacro %}
