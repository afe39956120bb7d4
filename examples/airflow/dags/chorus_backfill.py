"""History in date windows, as many at a time as the pool `chorus_backfill` has slots; beside the hourly pipeline."""

from __future__ import annotations

from datetime import date, timedelta

from airflow.sdk import DAG, Param, task
from airflow.sdk.exceptions import AirflowFailException
from chorus_pipeline import BACKFILL_POOL, LOAD, RETRIES, WAREHOUSE, ChorusOperator

with DAG(
    "chorus_backfill",
    description=__doc__,
    schedule=None,
    max_active_runs=1,
    default_args=RETRIES,
    params={
        "start": Param(type="string", format="date", description="Calls that started on this day (UTC) or later."),
        "end": Param(type="string", format="date", description="Calls that started before this day (UTC)."),
        "window_days": Param(7, type="integer", minimum=1, description="Days of one task."),
    },
    tags=["chorus"],
):

    @task(retries=0)
    def windows(params: dict) -> list[dict[str, str]]:
        """Half-open windows, so that no call is in two of them. Each is a pipeline with a state of its own."""
        start, end = date.fromisoformat(params["start"]), date.fromisoformat(params["end"])
        if start >= end:
            raise AirflowFailException(f"`start` ({start}) must be before `end` ({end})")
        step = timedelta(days=params["window_days"])
        starts = [start + i * step for i in range(-((start - end) // step))]
        return [window(one, min(one + step, end)) for one in starts]

    def window(start: date, end: date) -> dict[str, str]:
        return {
            "TAP_CHORUS_START_DATE": f"{start}T00:00:00Z",
            "TAP_CHORUS_END_DATE": f"{end}T00:00:00Z",
            "TARGET_WAREHOUSE_STATE_ID": f"backfill-{start}-{end}",
        }

    load = ChorusOperator.partial(
        task_id="load",
        bash_command=LOAD,
        pool=BACKFILL_POOL,
        map_index_template="{{ task.env['TARGET_WAREHOUSE_STATE_ID'] }}",
    ).expand(env=windows())

    # What changed since its window was loaded is read again; what is missing then ends the task with exit code 54.
    verify = ChorusOperator(
        task_id="verify",
        bash_command="chorus-elt verify --repair",
        env={
            "TAP_CHORUS_START_DATE": "{{ params.start }}T00:00:00Z",
            "TAP_CHORUS_END_DATE": "{{ params.end }}T00:00:00Z",
            "TARGET_WAREHOUSE_STATE_ID": "backfill-verify",
        },
        pool=BACKFILL_POOL,
        outlets=[WAREHOUSE],
    )

    load >> verify
