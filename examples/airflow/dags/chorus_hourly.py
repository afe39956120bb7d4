"""Every hour: what is new in Chorus goes into the warehouse, and the last day is compared with the API."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import DAG, CronDataIntervalTimetable
from chorus_pipeline import LOAD, RETRIES, WAREHOUSE, ChorusOperator

with DAG(
    "chorus_hourly",
    description=__doc__,
    # With a plain cron expression Airflow 3 makes intervals without length.
    schedule=CronDataIntervalTimetable("0 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    # Runs of `airflow backfill create` come beside the scheduled ones, and one pipeline runs once at a time.
    default_args={**RETRIES, "max_active_tis_per_dag": 1},
    tags=["chorus"],
):
    # Goes on from the state, whichever interval the run is for.
    load = ChorusOperator(task_id="load", bash_command=LOAD)

    # A run answers for its interval and the day before it, in which calls come late. What changed since `load` is read
    # again. A run of `airflow backfill create` so checks an interval of the past. One by hand may have no interval.
    verify = ChorusOperator(
        task_id="verify",
        bash_command=r"""
chorus-elt verify --repair \
  --since "{{ (data_interval_start | default(dag_run.run_after, true)) - macros.timedelta(days=1) }}" \
  --until "{{ data_interval_end | default(dag_run.run_after, true) }}"
""",
        outlets=[WAREHOUSE],
    )

    load >> verify
