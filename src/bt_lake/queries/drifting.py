"""Drift: the same code, params and data, and another result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bt_lake.queries.answer import Answer, Query
from bt_lake.queries.reading import Reader
from bt_lake.queries.text import sql
from bt_lake.warehouse.schema import RUNS, SAME_RUN

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_METRICS = ("total_return", "sharpe_ratio", "max_drawdown", "final_equity", "total_trades")
_ROUNDING = 1e-9
# The first and last bar are of the data, which may be what has changed.
_SAME = tuple(name for name in SAME_RUN if RUNS[name].kind == "string")


def drifting(reader: Reader) -> Answer:
    """Configurations whose runs differ though nothing that is known of them does.

    Gives strategy, symbol, params, runs, first_run, last_run, data_is_known; first and last
    run are there to be compared. Where the data is not known it may be what has changed.
    """
    differs = " or ".join(map(_differs, _METRICS))

    def plan(connection: DuckDBPyConnection) -> Query:
        return Query(
            sql("drift", same=", ".join(_SAME), metrics=", ".join(_METRICS), differs=differs)
        )

    return Answer(reader, plan)


def _differs(metric: str) -> str:
    spread = f"max({metric}) - min({metric}) > {_ROUNDING} * max(abs({metric}))"
    missing = f"count({metric}) between 1 and count(*) - 1"
    return f"({spread} or {missing})"
