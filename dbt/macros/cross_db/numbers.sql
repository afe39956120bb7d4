{#
  num / den as a decimal with `scale` places, rounded half away from zero; null when den is null or 0. Worked out in whole
  numbers, as databases differ in how they divide and round decimals. Both sides have at most 3 places.
#}
{% macro safe_ratio(num, den, scale=4) -%}
    {%- set n = chorus_elt.thousandths(num) -%}
    {%- set d = chorus_elt.thousandths(den) -%}
    {%- set units %}
        case
            when {{ num }} is null or {{ den }} is null or {{ den }} = 0 then null
            else {{ chorus_elt.integer_division(
                '2 * ' ~ 10 ** scale ~ ' * abs(' ~ n ~ ') + abs(' ~ d ~ ')', '2 * abs(' ~ d ~ ')'
            ) }} * (case when ({{ num }} < 0) = ({{ den }} < 0) then 1 else -1 end)
        end
    {% endset -%}
    {{ as_decimal(units, 18, scale) }} * {{ as_decimal('%.*f' % (scale, 10 ** -scale), scale + 1, scale) }}
{%- endmacro %}

{# The same, in a type that a contract can name. #}
{% macro ratio(num, den) -%}
    {{ as_decimal(chorus_elt.safe_ratio(num, den), 18, 4) }}
{%- endmacro %}

{% macro thousandths(expression) -%}
    cast({{ as_decimal(expression, 28, 3) }} * 1000 as bigint)
{%- endmacro %}

{# A sum of whole numbers, as a bigint; 0 without rows. #}
{% macro sum_bigint(expression) -%}
    cast(coalesce(sum({{ expression }}), 0) as bigint)
{%- endmacro %}

{# How many rows fulfil a condition. #}
{% macro count_if(condition) -%}
    cast(coalesce(sum(case when {{ condition }} then 1 else 0 end), 0) as bigint)
{%- endmacro %}

{# A sum of seconds with 3 places; 0 without rows. #}
{% macro seconds_total(expression) -%}
    {{ as_decimal('coalesce(sum(' ~ as_decimal(expression, 18, 3) ~ '), 0)', 18, 3) }}
{%- endmacro %}

{# A number as a decimal, rounded half away from zero. #}
{% macro as_decimal(expression, digits, places) -%}
    {{- return(adapter.dispatch('as_decimal', 'chorus_elt')(expression, digits, places)) -}}
{%- endmacro %}

{% macro default__as_decimal(expression, digits, places) -%}
    cast({{ expression }} as decimal({{ digits }}, {{ places }}))
{%- endmacro %}

{# There columns have digits and places, but a cast does not. #}
{% macro bigquery__as_decimal(expression, digits, places) -%}
    round(cast({{ expression }} as numeric), {{ places }})
{%- endmacro %}

{# So neither has the cast by which dbt finds out what a contract says; it compares the types without them. #}
{% macro bigquery__cast(field, type) -%}
    cast({{ field }} as {{ type.split('(')[0] }})
{%- endmacro %}
