with raw as (
  {{ raw_columns('semarize', 'semarize_bricks', {
      'run_id': 'text',
      'brick_key': 'text',
      'value_kind': 'text',
      'value_boolean': 'boolean',
      'value_number': 'number',
      'value_string': 'text',
      'item_count': 'bigint',
      'confidence': 'decimal',
      'reason': 'text',
      'evidence': 'text'
  }, switch='chorus_using_semarize') }}
)

select
  run_id,
  brick_key,
  value_kind,
  value_boolean,
  value_number,
  value_string,
  item_count,
  confidence,
  reason,
  evidence,
  extracted_at,
  loaded_at
from raw
