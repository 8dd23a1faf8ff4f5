"""`runs` as they would be, had there been nothing but a window of time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from bt_lake.metrics import undefined
from bt_lake.queries.answer import Query
from bt_lake.queries.filters import Condition
from bt_lake.queries.points import Owners
from bt_lake.queries.windows import Window, measured
from bt_lake.warehouse.quoting import identifier
from bt_lake.warehouse.schema import RUNS, Column

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WINDOWED = "lake_windowed"
_LABELS = ("strategy", "sweep", "symbol")


@dataclass(frozen=True, slots=True)
class Shadow:
    """The runs a condition selects, with the metrics their curves have within a window.

    What rests on trades is NULL, and runs without equity in the window are not there.
    """

    condition: Condition
    columns: dict[str, NDArray[Any]]

    @classmethod
    def of(
        cls,
        connection: DuckDBPyConnection,
        condition: Condition,
        window: Window,
        kin: str = "",
    ) -> Self:
        """`kin` is SQL for a label; then all trials that share one with the runs are measured."""
        source = f"(from runs where {condition.sql})"
        if kin:
            source = f"(from trials where {kin} in (select {kin} from {source}))"
        found = connection.execute(
            f"select run_id, commit_id, {', '.join(_LABELS)}, coalesce(bars, 0)::bigint as bars, "
            "coalesce(initial_capital, 'nan'::double) as capital, "
            "coalesce(n_returns, 'nan'::double) as n_returns, "
            "coalesce(periods_per_year, 'nan'::double) as a_year "
            f"from {source} order by run_id",
            dict(condition.values) or None,
        ).fetchnumpy()
        owners = Owners(
            found["run_id"].tolist(),
            found["commit_id"].tolist(),
            found["bars"],
            found["capital"],
            found["n_returns"],
        )
        metrics = measured(connection, owners, found["a_year"], window)
        columns = {name: found[name].astype(object) for name in ("run_id", *_LABELS)}
        columns |= {
            name: np.ma.masked_array(values, undefined(values)) for name, values in metrics.items()
        }
        connection.register(WINDOWED, columns)
        return cls(condition, columns)

    def over(self, query: Query) -> Query:
        """The same query, with these runs as `runs`."""
        replaced = ", ".join(
            f"{self._value(column)} as {identifier(column.name)}"
            for column in RUNS.columns
            if column.name in self.columns.keys() - {"run_id", *_LABELS} or column.group == "trade"
        )
        sql = (
            f"with runs as (\nselect whole.* replace ({replaced})\n"
            f"from (from runs where {self.condition.sql}) as whole "
            f"join {WINDOWED} using (run_id)\nwhere {WINDOWED}.bars > 0\n)\n"
            f"select * from (\n{query.sql}\n)"
        )
        return replace(
            query,
            sql=sql,
            values={**self.condition.values, **query.values},
            tables={WINDOWED: self.columns},
        )

    def _value(self, column: Column) -> str:
        value = f"{WINDOWED}.{identifier(column.name)}"
        if column.name not in self.columns:
            return f"null::{column.duckdb_type}"
        if column.kind == "timestamp":
            return f"timezone('UTC', make_timestamp({value}))"
        return value
