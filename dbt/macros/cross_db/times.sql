{# A timestamp with a zone as UTC without one. #}
{% macro utc(timestamp) -%}
  cast({{ timestamp }} at time zone 'UTC' as timestamp)
{%- endmacro %}

{# The day that it is in a zone, given by its name, at a UTC timestamp. #}
{% macro local_date(timestamp, zone) -%}
  cast(({{ timestamp }} at time zone 'UTC') at time zone '{{ zone }}' as date)
{%- endmacro %}

{# The day that it is in the zone of the reports. #}
{% macro report_date(timestamp) -%}
  {{ chorus_elt.local_date(timestamp, var('report_time_zone')) }}
{%- endmacro %}

{# The Monday of a day's week. #}
{% macro week_start(day) -%}
  cast(date_trunc('week', {{ day }}) as date)
{%- endmacro %}

{% macro month_start(day) -%}
  cast(date_trunc('month', {{ day }}) as date)
{%- endmacro %}

{# Seconds from one timestamp to another, with 3 places. #}
{% macro seconds_between(from_timestamp, to_timestamp) -%}
  cast(round(cast(extract(epoch from ({{ to_timestamp }} - {{ from_timestamp }})) as decimal(24, 6)), 3) as decimal(18, 3))
{%- endmacro %}

{# When this build takes it to be: the var `run_started_at`, for builds that are to be repeated, else its start. UTC. #}
{% macro now_utc() -%}
  cast('{{ var('run_started_at', run_started_at.strftime('%Y-%m-%d %H:%M:%S')) }}' as timestamp)
{%- endmacro %}

{# The days from one to another, both included, as `date_day`. #}
{% macro days(first, last) -%}
  {{ return(adapter.dispatch('days', 'chorus_elt')(first, last)) }}
{%- endmacro %}

{% macro default__days(first, last) -%}
  select cast(day as date) as date_day from generate_series({{ first }}, {{ last }}, interval '1 day') as spine(day)
{%- endmacro %}

{% macro duckdb__days(first, last) -%}
  select cast(day as date) as date_day from (select unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as day) as spine
{%- endmacro %}
