select
    started_on,
    platform,
    cast(count(*) as bigint) as call_count,
    {{ count_if('has_transcript') }} as transcript_count,
    {{ count_if('has_recording') }} as recording_count,
    {{ count_if('has_crm_link') }} as crm_link_count,
    {{ count_if('is_evaluated') }} as evaluated_count,
    {{ ratio(count_if('has_transcript'), 'count(*)') }} as transcript_ratio,
    {{ ratio(count_if('is_evaluated'), count_if('has_transcript')) }} as evaluated_ratio
from {{ ref('fct_calls') }}
where not is_deleted and started_on is not null
group by started_on, platform
