{{ config(materialized='view' if target.type == 'bigquery' else 'table') }}

{# Turns of all platforms in one shape; speakers without an id or a name are told apart by their role. #}
select
    utterances.call_id,
    utterances.utterance_index,
    utterances.speaker,
    utterances.participant_id,
    coalesce(utterances.participant_id, utterances.speaker, utterances.role) as speaker_key,
    coalesce(utterances.role, 'unknown') as speaker_role,
    utterances.start_seconds,
    utterances.duration_seconds,
    utterances.word_count,
    utterances.utterance_text
from {{ ref('stg_chorus__utterances') }} as utterances
{% if var('chorus_using_meetings') -%}
union all
select
    utterances.meeting_id as call_id,
    utterances.utterance_index,
    utterances.speaker,
    cast(null as {{ dbt.type_string() }}) as participant_id,
    coalesce(utterances.speaker, utterances.role) as speaker_key,
    coalesce(utterances.role, 'unknown') as speaker_role,
    utterances.start_seconds,
    utterances.duration_seconds,
    utterances.word_count,
    utterances.utterance_text
from {{ ref('stg_meetings__utterances') }} as utterances
{%- endif %}
