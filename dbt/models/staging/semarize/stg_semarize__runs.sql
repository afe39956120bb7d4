with raw as (
    {{ raw_columns('semarize', 'semarize_runs', {
        'run_id': 'text',
        'call_id': 'text',
        'platform': 'text',
        'kit': 'text',
        'kit_code': 'text',
        'kit_version_id': 'text',
        'kit_name': 'text',
        'status': 'text',
        'run_type': 'text',
        'mode': 'text',
        'attempt': 'bigint',
        'transcript_hash': 'text',
        'source_hash': 'text',
        'call_started_at': 'timestamp',
        'submitted_at': 'timestamp',
        'finished_at': 'timestamp',
        'duration_ms': 'decimal',
        'error_code': 'text'
    }, switch='chorus_using_semarize') }}
)

select
    run_id,
    call_id,
    lower(coalesce(platform, 'other')) as platform,
    kit,
    kit_code,
    coalesce(kit_version_id, 'unversioned') as kit_version_id,
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
    cast(duration_ms as bigint) as duration_ms,
    error_code,
    extracted_at,
    loaded_at
from raw
