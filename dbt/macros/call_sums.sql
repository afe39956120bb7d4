{# What reports add up over calls: the columns of a group. #}
{% macro call_sums() -%}
    {{ count_if('true') }} as call_count,
    {{ seconds_total('calls.duration_seconds') }} as call_seconds,
    {{ seconds_total('calls.rep_seconds') }} as rep_seconds,
    {{ seconds_total('calls.prospect_seconds') }} as prospect_seconds,
    {{ as_decimal('max(calls.longest_rep_monologue_seconds)', 18, 3) }} as longest_rep_monologue_seconds,
    {{ sum_bigint('calls.rep_question_count') }} as rep_question_count,
    {{ sum_bigint('calls.tracker_mention_count') }} as tracker_mention_count,
    {{ count_if('calls.competitor_mention_count > 0') }} as competitor_call_count,
    {{ count_if('calls.is_risk') }} as risk_call_count,
    {{ count_if('calls.has_transcript') }} as transcript_count,
    {{ count_if('calls.is_evaluated') }} as evaluated_count
{%- endmacro %}

{# The same sums as a report shows them, with their ratios. #}
{% macro call_figures() -%}
    sums.call_count,
    sums.call_seconds,
    sums.rep_seconds,
    sums.prospect_seconds,
    {{ ratio('sums.rep_seconds', '(sums.rep_seconds + sums.prospect_seconds)') }} as talk_ratio,
    sums.longest_rep_monologue_seconds,
    sums.rep_question_count,
    {{ ratio('3600 * sums.rep_question_count', 'sums.call_seconds') }} as rep_questions_per_hour,
    sums.tracker_mention_count,
    sums.competitor_call_count,
    sums.risk_call_count,
    sums.transcript_count,
    sums.evaluated_count,
    {{ ratio('sums.evaluated_count', 'sums.transcript_count') }} as evaluated_ratio
{%- endmacro %}
