{# True for a text with a question mark of any script in it. #}
{% macro is_question(text) -%}
    coalesce({{ text }} like '%?%' or {{ text }} like '%？%' or {{ text }} like '%؟%', false)
{%- endmacro %}
