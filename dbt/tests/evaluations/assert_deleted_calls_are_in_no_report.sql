select
    reported.call_id,
    reported.report
from (
    select
        call_id,
        'call_evaluations' as report
    from {{ ref('call_evaluations') }}
    union all
    select
        call_id,
        'rpt_framework_adherence_call' as report
    from {{ ref('rpt_framework_adherence_call') }}
    union all
    select
        last_call_id as call_id,
        'rpt_rep_certification' as report
    from {{ ref('rpt_rep_certification') }}
) as reported
inner join {{ ref('int_conversations') }} as conversations
    on reported.call_id = conversations.call_id
where conversations.is_deleted
