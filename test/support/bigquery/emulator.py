"""Starts local-bigquery with three of its faults mended.

MERGE inside a transaction: the emulator begins a transaction of its own for it, which DuckDB answers by aborting the one
that is open. Here the open one is found out first, and MERGE joins it, as in BigQuery.

PARSE_JSON in MERGE: its parts are translated twice, and the second time the named argument is not known any more. Here it
is left out; what it says only matters to numbers that nobody stages.

Tables that are made and dropped at the same time: now and then the catalog underneath gives up. It is tried again.
"""

import functools
import time

import duckdb
from local_bigquery.cli import main
from local_bigquery.engine import database
from local_bigquery.jobs import merge

_run = merge.run


class Joining:
    """A cursor that says that a transaction is open instead of beginning one inside it."""

    def __init__(self, cursor):
        self._cursor = cursor

    def __getattr__(self, name):
        return getattr(self._cursor, name)

    def execute(self, sql, *rest):
        if sql == "BEGIN" and self._is_open():
            raise duckdb.TransactionException("a transaction is open")
        return self._cursor.execute(sql, *rest)

    def _is_open(self):
        """Time stands still in a transaction; outside, every statement has one of its own."""
        first, second = (self._cursor.execute("SELECT epoch_us(now())").fetchone() for _ in range(2))
        return first == second


_unaliased = merge._unaliased
merge._unaliased = lambda node: _unaliased(node).replace(", wide_number_mode => 'round'", "")
def patient(execute):
    """Repeats a statement whose commit came to nothing."""

    @functools.wraps(execute)
    def again(*arguments):
        for wait in (0.05, 0.1, 0.2, 0.4, 0.8, 1.6):
            try:
                return execute(*arguments)
            except duckdb.Error as error:
                if "Failed to commit" not in str(error):
                    raise
                time.sleep(wait)
        return execute(*arguments)

    return again


database.execute = patient(database.execute)
merge.run = lambda cursor, tree, context: _run(Joining(cursor), tree, context)
main()
