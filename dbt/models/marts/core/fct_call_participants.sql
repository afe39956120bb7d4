select
    participants.call_id,
    participants.participant_id,
    participants.user_id,
    participants.participant_name,
    participants.email,
    participants.company,
    participants.job_title,
    participants.role as participant_role
from {{ ref('stg_chorus__participants') }} as participants
inner join {{ ref('stg_chorus__calls') }} as calls
    on participants.call_id = calls.call_id
