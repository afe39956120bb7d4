with signals as (
    select
        deal_id,
        max(deal_name) as deal_name,
        sum(case when is_required then 1 else 0 end) as signals_required,
        sum(case when is_required and status = 'present' then 1 else 0 end) as signals_present,
        sum(case when status = 'open' then 1 else 0 end) as signals_open,
        sum(case when status = 'open' or (is_required and status = 'missing') then 1 else 0 end)
            as signals_to_follow_up,
        max(last_mentioned_on) as last_mentioned_on
    from {{ ref('rpt_deal_signals') }}
    group by deal_id
),

platforms as (
    select
        deal_id,
        sum(case when platform = 'chorus' then 1 else 0 end) as chorus_signals,
        sum(case when platform = 'zoom' then 1 else 0 end) as zoom_signals,
        sum(case when platform = 'teams' then 1 else 0 end) as teams_signals,
        sum(case when platform not in ('chorus', 'zoom', 'teams') then 1 else 0 end) as other_signals,
        count(*) as total_signals
    from {{ ref('fct_deal_signals') }}
    where is_reported and status = 'present' and deal_id is not null
    group by deal_id
)

select
    signals.deal_id,
    signals.deal_name,
    cast(coalesce(platforms.chorus_signals, 0) as bigint) as chorus_signals,
    cast(coalesce(platforms.zoom_signals, 0) as bigint) as zoom_signals,
    cast(coalesce(platforms.teams_signals, 0) as bigint) as teams_signals,
    cast(coalesce(platforms.other_signals, 0) as bigint) as other_signals,
    cast(coalesce(platforms.total_signals, 0) as bigint) as total_signals,
    cast(signals.signals_required as bigint) as signals_required,
    cast(signals.signals_present as bigint) as signals_present,
    cast(signals.signals_required - signals.signals_present as bigint) as signals_missing,
    cast(signals.signals_open as bigint) as signals_open,
    cast(signals.signals_to_follow_up as bigint) as signals_to_follow_up,
    {{ ratio('signals.signals_present', 'signals.signals_required') }} as coverage_ratio,
    signals.last_mentioned_on,
    cast(signals.signals_present as {{ dbt.type_string() }})
    || ' of '
    || cast(signals.signals_required as {{ dbt.type_string() }})
    || ' present'
    || case
        when signals.signals_to_follow_up = 0 then ''
        when signals.signals_to_follow_up = 1 then ' · 1 requires follow-up'
        else ' · ' || cast(signals.signals_to_follow_up as {{ dbt.type_string() }}) || ' require follow-up'
    end as card_text
from signals
left join platforms
    on signals.deal_id = platforms.deal_id
