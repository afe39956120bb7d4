with raw as (
    {{ raw_columns('meetings', 'meetings', {
        'meeting_id': 'text',
        'platform': 'text',
        'title': 'text',
        'started_at': 'timestamp',
        'duration_seconds': 'decimal',
        'call_type': 'text',
        'rep_email': 'text',
        'rep_name': 'text',
        'deal_id': 'text',
        'deal_name': 'text'
    }, switch='chorus_using_meetings') }}
)

select
    meeting_id,
    lower(coalesce(platform, 'other')) as platform,
    title,
    started_at,
    duration_seconds,
    call_type,
    lower(rep_email) as rep_email,
    rep_name,
    deal_id,
    deal_name,
    extracted_at,
    loaded_at
from raw
