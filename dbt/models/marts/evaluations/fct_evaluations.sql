{{ config(materialized='table', **laid_out_by('call_started_at', 'timestamp')) }}

with evaluations as (
    select * from {{ ref('int_evaluations') }}
),

conversations as (
    select
        call_id,
        started_at,
        transcript_ready_at
    from {{ ref('int_conversations') }}
),

headlines as (
    select
        run_id,
        count(*) as brick_count,
        min(confidence) as lowest_confidence,
        max(case when {{ headline('framework_adherence') }} then value_number end) as framework_adherence,
        max(case when {{ headline('steps_followed') }} then value_number end) as steps_followed,
        max(case when {{ headline('battlecard_accuracy') }} then value_number end) as battlecard_accuracy,
        max(case when {{ headline('claims_checked') }} then value_number end) as claims_checked,
        max(case when {{ headline('battlecard_used') }} then {{ boolean_as_integer('value_boolean') }} end)
            as battlecard_used,
        max(case when {{ headline('signals_found') }} then value_number end) as signals_found,
        max(case when {{ headline('rep_readiness') }} then value_number end) as rep_readiness,
        max(case when {{ headline('score') }} then value_number end) as score,
        max(case when {{ headline('risk_flag') }} then {{ boolean_as_integer('value_boolean') }} end) as risk_flag,
        max(case when {{ headline('pain_point') }} then value_string end) as pain_point,
        max(case when {{ headline('sentiment') }} then value_string end) as sentiment
    from {{ ref('int_bricks_catalogued') }}
    group by run_id
)

select
    evaluations.run_id,
    evaluations.call_id,
    evaluations.platform,
    evaluations.kit,
    evaluations.kit_code,
    evaluations.kit_version_id,
    evaluations.kit_name,
    evaluations.purpose,
    evaluations.status,
    evaluations.run_type,
    evaluations.mode,
    evaluations.attempt,
    evaluations.is_counted,
    evaluations.is_latest,
    evaluations.is_reported,
    coalesce(conversations.started_at, evaluations.call_started_at) as call_started_at,
    evaluations.submitted_at,
    evaluations.finished_at,
    evaluations.duration_ms,
    -- A transcript that was loaded anew after its run says nothing about the wait.
    case
        when evaluations.is_counted and evaluations.finished_at >= conversations.transcript_ready_at
            then {{ seconds_between('conversations.transcript_ready_at', 'evaluations.finished_at') }}
    end as transcript_to_evaluation_seconds,
    case
        when
            evaluations.is_counted
            and evaluations.finished_at >= coalesce(conversations.started_at, evaluations.call_started_at)
            then {{ seconds_between(
                'coalesce(conversations.started_at, evaluations.call_started_at)',
                'evaluations.finished_at',
            ) }}
    end as call_to_evaluation_seconds,
    evaluations.transcript_hash,
    evaluations.source_hash,
    evaluations.error_code,
    cast(coalesce(headlines.brick_count, 0) as bigint) as brick_count,
    headlines.lowest_confidence,
    headlines.framework_adherence,
    cast(headlines.steps_followed as bigint) as steps_followed,
    headlines.battlecard_accuracy,
    cast(headlines.claims_checked as bigint) as claims_checked,
    headlines.battlecard_used = 1 as battlecard_used,
    cast(headlines.signals_found as bigint) as signals_found,
    headlines.rep_readiness,
    headlines.score,
    headlines.risk_flag = 1 as risk_flag,
    headlines.pain_point,
    headlines.sentiment
from evaluations
left join conversations
    on evaluations.call_id = conversations.call_id
left join headlines
    on evaluations.run_id = headlines.run_id
