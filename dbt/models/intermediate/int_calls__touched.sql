{#
    When anything of a call was loaded last: the call or what hangs on it. Users and teams are loaded anew by every run, so they
    would touch every call; models that show them are built whole.
#}
with loads as (
    {% for model in [
        'stg_chorus__calls', 'stg_chorus__participants', 'stg_chorus__transcripts', 'stg_chorus__utterances',
        'stg_chorus__trackers', 'stg_chorus__tracker_mentions', 'stg_chorus__engagement_metrics',
        'stg_chorus__crm_associations', 'stg_chorus__recordings', 'stg_chorus__tags',
    ] %}
    select
        call_id,
        max(loaded_at) as loaded_at
    from {{ ref(model) }}
    group by call_id
    union all
    {% endfor %}
    {% for model in ['stg_meetings__meetings', 'stg_meetings__transcripts', 'stg_meetings__utterances'] %}
    select
        meeting_id as call_id,
        max(loaded_at) as loaded_at
    from {{ ref(model) }}
    group by meeting_id
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    call_id,
    max(loaded_at) as loaded_at
from loads
group by call_id
