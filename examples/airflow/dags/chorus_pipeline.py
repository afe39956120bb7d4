"""What the DAGs of chorus-elt share: how one load runs, with which token and at which pace."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Asset, BaseHook, Variable
from airflow.sdk.exceptions import AirflowFailException

WAREHOUSE = Asset("chorus_warehouse")
BACKFILL_POOL = "chorus_backfill"

# The state comes from the warehouse, where it was committed with the rows: a worker's disk may vanish. Without `pipefail`
# a tap that fails would leave the task green.
LOAD = """
set -euo pipefail
state="$(mktemp)"
trap 'rm -f "$state"' EXIT
chorus-elt state show > "$state" || { code=$?; [ $code -eq 13 ] || exit $code; }  # 13: nothing was committed yet
tap-chorus --state "$state" | target-warehouse > /dev/null
"""

RETRIES = {
    "retries": 5,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=30),
}


class ChorusOperator(BashOperator):
    """
    A command in the environment of the worker, which has the settings of tap and target (TAP_CHORUS_…, TARGET_WAREHOUSE_…),
    and in `env`. The token is the password of the connection `chorus`; as it is in no template it is in no rendered field.
    """

    def __init__(self, **kwargs):
        super().__init__(append_env=True, do_xcom_push=False, **kwargs)

    def get_env(self, context):
        return {
            **super().get_env(context),
            "TAP_CHORUS_API_TOKEN": BaseHook.get_connection("chorus").password or "",
            "TAP_CHORUS_MAX_REQUESTS_PER_SECOND": str(requests_per_second()),
        }


def requests_per_second() -> float:
    """
    What one task may ask of the API: an equal share of the budget for each slot of the pool, and one for the hourly run,
    which is outside of the pool so that it need not wait for a backfill.
    """
    return positive("chorus_requests_per_second", "10") / (positive("chorus_backfill_slots", "4") + 1)


def positive(name: str, default: str) -> float:
    text = Variable.get(name, default=default)
    try:
        number = float(text)
    except ValueError:
        number = 0
    if number > 0:
        return number
    raise AirflowFailException(f"the Variable {name} must be a number above 0, and is {text!r}")
