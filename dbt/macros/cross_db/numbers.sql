{#
  num / den as a decimal with `scale` places, rounded half away from zero; null when den is null or 0. Worked out in whole
  numbers, as databases differ in how they divide and round decimals. Both sides have at most 3 places.
#}
{% macro safe_ratio(num, den, scale=4) -%}
    {%- set n = chorus_elt.thousandths(num) -%}
    {%- set d = chorus_elt.thousandths(den) -%}
    cast(
        case
            when {{ num }} is null or {{ den }} is null or {{ den }} = 0 then null
            else {{ chorus_elt.integer_division(
                '2 * ' ~ 10 ** scale ~ ' * abs(' ~ n ~ ') + abs(' ~ d ~ ')', '2 * abs(' ~ d ~ ')'
            ) }} * (case when ({{ num }} < 0) = ({{ den }} < 0) then 1 else -1 end)
        end as decimal(18, {{ scale }})
    ) * cast({{ '%.*f' % (scale, 10 ** -scale) }} as decimal({{ scale + 1 }}, {{ scale }}))
{%- endmacro %}

{# The same, in a type that a contract can name. #}
{% macro ratio(num, den) -%}
    cast({{ chorus_elt.safe_ratio(num, den) }} as decimal(18, 4))
{%- endmacro %}

{% macro thousandths(expression) -%}
    cast(cast({{ expression }} as decimal(28, 3)) * 1000 as bigint)
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
    cast(coalesce(sum(cast({{ expression }} as decimal(18, 3))), 0) as decimal(18, 3))
{%- endmacro %}

{% macro as_decimal(expression, digits, places) -%}
    cast({{ expression }} as decimal({{ digits }}, {{ places }}))
{%- endmacro %}
