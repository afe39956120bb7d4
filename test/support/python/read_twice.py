"""Reads a source into PyAirbyte's DuckDB cache, once for each line of standard input; prints how many records came."""

import json
import os
import sys

os.environ["DO_NOT_TRACK"] = "1"
os.environ["AIRBYTE_OFFLINE_MODE"] = "1"

import airbyte  # noqa: E402  (it looks at the environment when it is imported)
from airbyte.caches import DuckDBCache  # noqa: E402

executable, config, database = sys.argv[1:]
with open(config) as file:
    source = airbyte.get_source(
        "source-chorus", local_executable=executable, config=json.load(file), streams="*"
    )
source.check()
cache = DuckDBCache(db_path=database)
for line in sys.stdin:
    result = source.read(cache=cache, force_full_refresh=line.strip() == "full")
    print(f"@{result.processed_records}", flush=True)
