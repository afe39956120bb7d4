{# The days of ten years and more around the calls; also the time spine of the metrics. #}
with days as (
    {{ days("cast('2015-01-01' as date)", "cast('2035-12-31' as date)") }}
)

select
    date_day,
    {{ week_start('date_day') }} as week_starting_on,
    {{ month_start('date_day') }} as month_starting_on,
    cast(extract(year from date_day) as bigint) as year_number,
    cast(extract(quarter from date_day) as bigint) as quarter_number,
    cast(extract(month from date_day) as bigint) as month_number,
    cast({{ iso_weekday('date_day') }} as bigint) as weekday_number,
    {{ iso_weekday('date_day') }} >= 6 as is_weekend
from days
