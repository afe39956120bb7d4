{# Calls of Chorus, and meetings of other platforms, in one shape. #}
with calls as (
    select
        calls.call_id,
        'chorus' as platform,
        calls.title,
        calls.started_at,
        calls.duration_seconds,
        calls.call_type,
        calls.call_status,
        calls.language,
        calls.owner_user_id,
        calls.owner_email,
        calls.owner_name,
        calls.owner_team_id,
        calls.deal_id,
        calls.deal_name,
        calls.deal_stage,
        calls.deal_amount,
        calls.deal_currency,
        calls.deal_closes_on,
        calls.is_deleted,
        transcripts.transcript_status,
        transcripts.word_count,
        case when transcripts.transcript_status = 'ready' then transcripts.loaded_at end as transcript_ready_at
    from {{ ref('stg_chorus__calls') }} as calls
    left join {{ ref('stg_chorus__transcripts') }} as transcripts
        on calls.call_id = transcripts.call_id
),

users_by_email as (
    select
        email,
        min({{ text_order('user_id') }}) as user_id
    from {{ ref('stg_chorus__users') }}
    where email is not null
    group by email
),

meetings as (
    select
        meetings.meeting_id as call_id,
        meetings.platform,
        meetings.title,
        meetings.started_at,
        meetings.duration_seconds,
        meetings.call_type,
        'done' as call_status,
        cast(null as {{ dbt.type_string() }}) as language,
        users_by_email.user_id as owner_user_id,
        meetings.rep_email as owner_email,
        meetings.rep_name as owner_name,
        cast(null as {{ dbt.type_string() }}) as owner_team_id,
        meetings.deal_id,
        meetings.deal_name,
        cast(null as {{ dbt.type_string() }}) as deal_stage,
        {{ as_decimal('null', 18, 3) }} as deal_amount,
        cast(null as {{ dbt.type_string() }}) as deal_currency,
        cast(null as date) as deal_closes_on,
        false as is_deleted,
        transcripts.transcript_status,
        transcripts.word_count,
        case when transcripts.transcript_status = 'ready' then transcripts.loaded_at end as transcript_ready_at
    from {{ ref('stg_meetings__meetings') }} as meetings
    left join {{ ref('stg_meetings__transcripts') }} as transcripts
        on meetings.meeting_id = transcripts.meeting_id
    left join users_by_email
        on meetings.rep_email = users_by_email.email
),

conversations as (
    select * from calls
    union all
    select * from meetings
),

dated as (
    select
        *,
        {{ report_date('started_at') }} as started_on
    from conversations
)

select
    dated.call_id,
    dated.platform,
    dated.title,
    dated.started_at,
    dated.started_on,
    {{ week_start('dated.started_on') }} as week_starting_on,
    {{ month_start('dated.started_on') }} as month_starting_on,
    dated.duration_seconds,
    dated.call_type,
    dated.call_status,
    dated.language,
    dated.owner_user_id,
    dated.owner_email,
    dated.owner_name,
    dated.owner_team_id,
    {{ 'dated.deal_id' if var('chorus_using_deals') else 'cast(null as ' ~ dbt.type_string() ~ ') as deal_id' }},
    dated.deal_name,
    dated.deal_stage,
    dated.deal_amount,
    dated.deal_currency,
    dated.deal_closes_on,
    dated.is_deleted,
    dated.transcript_status,
    coalesce(dated.transcript_status = 'ready' and coalesce(dated.word_count, 1) > 0, false) as has_transcript,
    dated.transcript_ready_at,
    touched.loaded_at
from dated
left join {{ ref('int_calls__touched') }} as touched
    on dated.call_id = touched.call_id
