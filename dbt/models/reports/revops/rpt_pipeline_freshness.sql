{# How old what is loaded is, for each stream. #}
{% for stream, model in {
    'calls': 'stg_chorus__calls', 'transcripts': 'stg_chorus__transcripts', 'utterances': 'stg_chorus__utterances',
    'trackers': 'stg_chorus__trackers', 'engagement_metrics': 'stg_chorus__engagement_metrics', 'users': 'stg_chorus__users',
    'meetings': 'stg_meetings__meetings', 'semarize_runs': 'stg_semarize__runs',
}.items() -%}
select
    '{{ stream }}' as stream,
    cast(count(*) as bigint) as row_count,
    max(extracted_at) as last_extracted_at,
    max(loaded_at) as last_loaded_at
from {{ ref(model) }}
{% if not loop.last %}union all
{% endif %}
{%- endfor %}
