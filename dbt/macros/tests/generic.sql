{# Rows that agree in these columns; nulls count as a value. #}
{% test unique_grain(model, columns) %}
  select {{ columns | join(', ') }}, count(*) as found
  from {{ model }}
  group by {{ columns | join(', ') }}
  having count(*) > 1
{% endtest %}

{# Values outside a range; null is inside. #}
{% test in_range(model, column_name, min_value=none, max_value=none) %}
  select {{ column_name }}
  from {{ model }}
  where 1 = 0
    {%- if min_value is not none %} or {{ column_name }} < {{ min_value }}{% endif %}
    {%- if max_value is not none %} or {{ column_name }} > {{ max_value }}{% endif %}
{% endtest %}

{# Rows for which an expression is not true. #}
{% test expression_true(model, expression) %}
  select 1 as failed from {{ model }} where not coalesce({{ expression }}, false)
{% endtest %}

{# Versions of a thing that overlap, or leave a gap between them. #}
{% test no_overlap_no_gap(model, key, valid_from, valid_to) %}
  select *
  from (
    select
      {{ key }} as id,
      {{ valid_to }} as ends_at,
      lead({{ valid_from }}) over (partition by {{ key }} order by {{ valid_from }}) as next_begins_at
    from {{ model }}
  ) as versions
  where next_begins_at is not null and next_begins_at <> ends_at
{% endtest %}
