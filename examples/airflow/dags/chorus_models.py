"""The dbt models by Cosmos, a task for each: whenever calls were loaded."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG
from chorus_pipeline import WAREHOUSE
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import InvocationMode, LoadMode, TestBehavior

# Finds the warehouse as target-warehouse does and runs dbt there, in an environment of its own (`chorus-elt dbt setup`).
DBT = Path(__file__).parent / "chorus-dbt"

# Written by `chorus-elt dbt parse`, once for each version. With `dbt ls` every parsing of this file would take seconds.
MANIFEST = Path(os.environ.get("CHORUS_ELT_HOME", ".chorus-elt")) / "dbt-target" / "manifest.json"

if (program := shutil.which("chorus-elt")) is None:
    raise FileNotFoundError("chorus-elt is not on the PATH of the DAG processor")
PROJECT = Path(program).resolve().parents[2] / "dbt"

if not MANIFEST.exists():
    raise FileNotFoundError(f"{MANIFEST} is missing: set CHORUS_ELT_HOME and run `chorus-elt dbt parse`")

TARGET = os.environ.get("CHORUS_ELT_DBT_TARGET")
if TARGET not in ("duckdb", "postgres", "bigquery"):
    raise ValueError("CHORUS_ELT_DBT_TARGET must say what the warehouse is: duckdb, postgres or bigquery")

with DAG(
    "chorus_models",
    description=__doc__,
    schedule=[WAREHOUSE],
    catchup=False,
    max_active_runs=1,
    max_active_tasks=1 if TARGET == "duckdb" else 4,  # a DuckDB file has one user at a time
    tags=["chorus"],
):
    DbtTaskGroup(
        group_id="dbt",
        project_config=ProjectConfig(PROJECT, manifest_path=MANIFEST, install_dbt_deps=False),
        profile_config=ProfileConfig(
            profile_name="chorus_elt",
            target_name=TARGET,
            profiles_yml_filepath=PROJECT / "profiles.yml",
        ),
        execution_config=ExecutionConfig(dbt_executable_path=DBT, invocation_mode=InvocationMode.SUBPROCESS),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            test_behavior=TestBehavior.BUILD,  # a model and its tests are one task: each start of dbt takes seconds
            select=os.environ.get("CHORUS_ELT_DBT_SELECT", "").split(),
        ),
        default_args={"retries": 1, "retry_delay": timedelta(minutes=5)},
    )
