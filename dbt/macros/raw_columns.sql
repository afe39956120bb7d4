{#
  A raw table as the staging models see it: these columns in these types and nothing else.

  columns: name -> `text`, `bigint`, `decimal`, `boolean`, `timestamp` or `date`. A column that the table lacks is a typed
  null, and a table that is not there, or is switched off, has no rows: streams and properties may be deselected in the
  tap without breaking the models. Timestamps come as UTC without a zone. `extracted_at` and `loaded_at` say when a row was
  read from its source and committed here. Rows that were deleted from their table are left out.
#}
{% macro raw_columns(source_name, table_name, columns, switch=none) %}
  {%- set relation = none -%}
  {%- if execute and (switch is none or var(switch)) -%}
    {%- set wanted = source(source_name, table_name) -%}
    {%- set relation = adapter.get_relation(database=wanted.database or target.database, schema=wanted.schema, identifier=wanted.identifier) -%}
  {%- else -%}
    {%- do source(source_name, table_name) -%}
  {%- endif -%}
  {%- set found = {} -%}
  {%- if relation is not none -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
      {%- do found.update({column.name: column.dtype}) -%}
    {%- endfor -%}
  {%- endif -%}
  select
  {%- for name, type in columns.items() %}
    {{ chorus_elt.raw_column(name, type, found.get(name)) }} as {{ name }},
  {%- endfor %}
    {{ chorus_elt.raw_column('_sdc_extracted_at', 'timestamp', found.get('_sdc_extracted_at')) }} as extracted_at,
    {{ chorus_elt.raw_column('_sdc_batched_at', 'timestamp', found.get('_sdc_batched_at')) }} as loaded_at
  {%- if relation is none %}
  from (select 1 as nothing) as empty
  where 1 = 0
  {%- else %}
  from {{ relation }}
  {%- if '_sdc_deleted_at' in found %}
  where _sdc_deleted_at is null
  {%- endif %}
  {%- endif %}
{% endmacro %}

{# One of them; `raw_type` is what it is in the raw table, none when it is not there. #}
{% macro raw_column(name, type, raw_type) %}
  {%- set column = 'null' if raw_type is none else adapter.quote(name) -%}
  {%- if type == 'timestamp' and raw_type is not none -%}
    {{ chorus_elt.utc(column) }}
  {%- elif type == 'timestamp' -%}
    cast(null as timestamp)
  {%- elif type == 'decimal' -%}
    {{ chorus_elt.as_decimal(column, 18, 3) }}
  {%- elif type == 'number' -%}
    {{ chorus_elt.as_decimal(column, 28, 6) }}
  {%- elif type == 'text' -%}
    {{ chorus_elt.raw_text(column, raw_type) }}
  {%- else -%}
    cast({{ column }} as {{ type }})
  {%- endif -%}
{% endmacro %}

{% macro raw_text(column, raw_type) %}
  {{- return(adapter.dispatch('raw_text', 'chorus_elt')(column, raw_type)) -}}
{% endmacro %}

{% macro default__raw_text(column, raw_type) -%}
  cast({{ column }} as {{ dbt.type_string() }})
{%- endmacro %}

{# JSON is not cast to a text there. #}
{% macro bigquery__raw_text(column, raw_type) -%}
  {% if raw_type == 'JSON' %}to_json_string({{ column }}){% else %}cast({{ column }} as string){% endif %}
{%- endmacro %}
