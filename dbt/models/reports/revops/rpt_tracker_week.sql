{{ config(enabled=var('chorus_using_trackers', true)) }}

{# How often a tracker matched in the calls of a week. #}
with weeks as (
    select
        week_starting_on,
        cast(count(*) as bigint) as call_count
    from {{ ref('fct_calls') }}
    where not is_deleted and platform = 'chorus' and week_starting_on is not null
    group by week_starting_on
),

mentions as (
    select
        calls.week_starting_on,
        trackers.tracker_id,
        max({{ text_order('trackers.tracker_name') }}) as tracker_name,
        {{ sum_bigint('trackers.mention_count') }} as mention_count,
        cast(count(distinct calls.call_id) as bigint) as call_with_mention_count
    from {{ ref('fct_call_trackers') }} as trackers
    inner join {{ ref('fct_calls') }} as calls
        on trackers.call_id = calls.call_id
    where not calls.is_deleted and calls.week_starting_on is not null and trackers.mention_count > 0
    group by calls.week_starting_on, trackers.tracker_id
)

select
    mentions.week_starting_on,
    mentions.tracker_id,
    mentions.tracker_name,
    mentions.mention_count,
    mentions.call_with_mention_count,
    weeks.call_count,
    {{ ratio('mentions.call_with_mention_count', 'weeks.call_count') }} as call_ratio
from mentions
inner join weeks
    on mentions.week_starting_on = weeks.week_starting_on
