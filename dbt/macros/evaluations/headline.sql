{# True for the brick that the kit catalogue names as this headline figure. #}
{% macro headline(item_key) -%}
    role = 'headline' and item_key = '{{ item_key }}'
{%- endmacro %}

{# 1, 0 or null: a flag that `max` and `sum` take on every database. #}
{% macro boolean_as_integer(expression) -%}
    case when {{ expression }} then 1 when not {{ expression }} then 0 end
{%- endmacro %}
