select
    call_id,
    purpose,
    kit_code,
    kit_version_id,
    run_id,
    finished_at,
    is_reported,
    loaded_at
from {{ ref('int_evaluations') }}
where is_latest
