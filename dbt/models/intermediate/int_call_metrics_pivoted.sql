{{ config(materialized='ephemeral') }}

{# What the API measured of a call as a whole. #}
select
    call_id,
    max(case when metric = 'rep_talk_percent' then metric_value end) as rep_talk_percent,
    max(case when metric = 'longest_monologue' then metric_value end) as longest_monologue_seconds
from {{ ref('stg_chorus__engagement_metrics') }}
where origin = 'api' and participant_id = 'call'
group by call_id
