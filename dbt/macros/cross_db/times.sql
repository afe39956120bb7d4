{# A timestamp with a zone as UTC without one; on BigQuery, where no timestamp has a zone, the same moment. #}
{% macro utc(timestamp) -%}
  {{ return(adapter.dispatch('utc', 'chorus_elt')(timestamp)) }}
{%- endmacro %}

{% macro default__utc(timestamp) -%}
  cast({{ timestamp }} at time zone 'UTC' as timestamp)
{%- endmacro %}

{% macro bigquery__utc(timestamp) -%}
  cast({{ timestamp }} as timestamp)
{%- endmacro %}

{# The day that it is in a zone, given by its name, at a UTC timestamp. #}
{% macro local_date(timestamp, zone) -%}
  {{ return(adapter.dispatch('local_date', 'chorus_elt')(timestamp, zone)) }}
{%- endmacro %}

{% macro default__local_date(timestamp, zone) -%}
  cast(({{ timestamp }} at time zone 'UTC') at time zone '{{ zone }}' as date)
{%- endmacro %}

{% macro bigquery__local_date(timestamp, zone) -%}
  date({{ timestamp }}, '{{ zone }}')
{%- endmacro %}

{# The day that it is in the zone of the reports. #}
{% macro report_date(timestamp) -%}
  {{ chorus_elt.local_date(timestamp, var('report_time_zone')) }}
{%- endmacro %}

{# The Monday of a day's week. #}
{% macro week_start(day) -%}
  {{ return(adapter.dispatch('week_start', 'chorus_elt')(day)) }}
{%- endmacro %}

{% macro default__week_start(day) -%}
  cast(date_trunc('week', {{ day }}) as date)
{%- endmacro %}

{% macro bigquery__week_start(day) -%}
  date_trunc({{ day }}, isoweek)
{%- endmacro %}

{% macro month_start(day) -%}
  {{ return(adapter.dispatch('month_start', 'chorus_elt')(day)) }}
{%- endmacro %}

{% macro default__month_start(day) -%}
  cast(date_trunc('month', {{ day }}) as date)
{%- endmacro %}

{% macro bigquery__month_start(day) -%}
  date_trunc({{ day }}, month)
{%- endmacro %}

{# 1 for Monday to 7 for Sunday. #}
{% macro iso_weekday(day) -%}
  {{ return(adapter.dispatch('iso_weekday', 'chorus_elt')(day)) }}
{%- endmacro %}

{% macro default__iso_weekday(day) -%}
  extract(isodow from {{ day }})
{%- endmacro %}

{# There Sunday is 1 and Saturday 7. #}
{% macro bigquery__iso_weekday(day) -%}
  (mod(extract(dayofweek from {{ day }}) + 5, 7) + 1)
{%- endmacro %}

{# Seconds from one timestamp to another, with 3 places. #}
{% macro seconds_between(from_timestamp, to_timestamp) -%}
  {{ return(adapter.dispatch('seconds_between', 'chorus_elt')(from_timestamp, to_timestamp)) }}
{%- endmacro %}

{% macro default__seconds_between(from_timestamp, to_timestamp) -%}
  cast(round(cast(extract(epoch from ({{ to_timestamp }} - {{ from_timestamp }})) as decimal(24, 6)), 3) as decimal(18, 3))
{%- endmacro %}

{% macro bigquery__seconds_between(from_timestamp, to_timestamp) -%}
  round(cast(timestamp_diff({{ to_timestamp }}, {{ from_timestamp }}, microsecond) as numeric) / 1000000, 3)
{%- endmacro %}

{# Days from one day to another. #}
{% macro days_between(from_day, to_day) -%}
  {{ return(adapter.dispatch('days_between', 'chorus_elt')(from_day, to_day)) }}
{%- endmacro %}

{% macro default__days_between(from_day, to_day) -%}
  ({{ to_day }} - {{ from_day }})
{%- endmacro %}

{% macro bigquery__days_between(from_day, to_day) -%}
  date_diff({{ to_day }}, {{ from_day }}, day)
{%- endmacro %}

{# The day so many days before another one. #}
{% macro days_before(day, count) -%}
  {{ return(adapter.dispatch('days_before', 'chorus_elt')(day, count)) }}
{%- endmacro %}

{% macro default__days_before(day, count) -%}
  ({{ day }} - interval '{{ count }} days')
{%- endmacro %}

{% macro bigquery__days_before(day, count) -%}
  date_sub({{ day }}, interval {{ count }} day)
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

{% macro bigquery__days(first, last) -%}
  select date_day from unnest(generate_date_array({{ first }}, {{ last }})) as date_day
{%- endmacro %}
