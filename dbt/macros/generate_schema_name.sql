{# All models live in one schema, the profile's; a model that asks for another one gets exactly that. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
