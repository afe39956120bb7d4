{{ config(enabled=var('chorus_using_semarize', true)) }}

-- Which deals lack signals, and what has to be followed up in each?
select
    coverage.deal_name,
    coverage.card_text,
    coverage.chorus_signals,
    coverage.zoom_signals,
    coverage.teams_signals,
    signals.label,
    signals.status,
    signals.last_platform,
    signals.last_mentioned_on
from {{ ref('rpt_deal_signal_coverage') }} as coverage
inner join {{ ref('rpt_deal_signals') }} as signals
    on coverage.deal_id = signals.deal_id
where signals.status = 'open' or (signals.is_required and signals.status = 'missing')
order by coverage.coverage_ratio, coverage.deal_id, signals.position
