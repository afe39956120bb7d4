with runs as (
    select
        run_id,
        call_id,
        platform,
        kit,
        -- A run that failed under a pinned version does not say its code; others of the same kit do.
        coalesce(
            kit_code,
            max({{ text_order('kit_code') }}) over (partition by kit),
            kit
        ) as kit_code,
        kit_version_id,
        kit_name,
        status,
        run_type,
        mode,
        attempt,
        transcript_hash,
        source_hash,
        call_started_at,
        submitted_at,
        finished_at,
        duration_ms,
        error_code,
        loaded_at,
        status = 'succeeded' and run_type = 'api' as is_counted
    from {{ ref('stg_semarize__runs') }}
),

kits as (
    select
        kit_code,
        purpose,
        kit_name
    from {{ ref(var('kits_model', 'kits')) }}
),

conversations as (
    select
        call_id,
        platform,
        is_deleted
    from {{ ref('int_conversations') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by call_id, kit_code, is_counted
            order by finished_at desc nulls last, {{ text_order('run_id') }} desc
        ) as newest_first
    from runs
)

select
    ranked.run_id,
    ranked.call_id,
    coalesce(conversations.platform, ranked.platform) as platform,
    ranked.kit,
    ranked.kit_code,
    ranked.kit_version_id,
    coalesce(kits.kit_name, ranked.kit_name) as kit_name,
    coalesce(kits.purpose, 'other') as purpose,
    ranked.status,
    ranked.run_type,
    ranked.mode,
    ranked.attempt,
    ranked.transcript_hash,
    ranked.source_hash,
    ranked.call_started_at,
    ranked.submitted_at,
    ranked.finished_at,
    ranked.duration_ms,
    ranked.error_code,
    ranked.loaded_at,
    ranked.is_counted,
    ranked.is_counted and ranked.newest_first = 1 as is_latest,
    -- A call that is gone, softly or for good, is in no report.
    ranked.is_counted
    and ranked.newest_first = 1
    and coalesce(not conversations.is_deleted, false) as is_reported
from ranked
left join kits
    on ranked.kit_code = kits.kit_code
left join conversations
    on ranked.call_id = conversations.call_id
