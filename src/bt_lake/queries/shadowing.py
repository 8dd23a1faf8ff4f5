"""`runs` as they would be, had there been nothing but a window of time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from bt_lake.metrics import undefined
from bt_lake.queries.answer import Query
from bt_lake.queries.families import Rows
from bt_lake.queries.points import Owners
from bt_lake.queries.windows import Window, measured
from bt_lake.warehouse.connecting import load_relations
from bt_lake.warehouse.quoting import identifier
from bt_lake.warehouse.schema import RUNS, Column

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WINDOWED = "lake_windowed"


@dataclass(frozen=True, slots=True)
class Shadow:
    """Runs with the metrics that their curves have within a window.

    What rests on trades is NULL. `rows` are all that were measured, runs without equity in the
    window too.
    """

    source: Rows
    chosen: Rows  # those of the source that are asked about
    columns: dict[str, NDArray[Any]]

    @classmethod
    def of(
        cls,
        connection: DuckDBPyConnection,
        source: Rows,
        window: Window,
        chosen: Rows | None = None,
    ) -> Self:
        found = connection.execute(
            "select run_id, commit_id, coalesce(bars, 0)::bigint as bars, "
            "coalesce(initial_capital, 'nan'::double) as capital, "
            "coalesce(n_returns, 'nan'::double) as n_returns, "
            "coalesce(periods_per_year, 'nan'::double) as a_year, "
            "coalesce(time_zone, '') as time_zone "
            f"from {source.sql} order by run_id",
            dict(source.values) or None,
        ).fetchnumpy()
        owners = Owners(
            found["run_id"].tolist(),
            found["commit_id"].tolist(),
            found["bars"],
            found["capital"],
            found["n_returns"],
            [zone or None for zone in found["time_zone"].tolist()],
        )
        metrics = measured(connection, owners, found["a_year"], window)
        columns = {"run_id": found["run_id"].astype(object)}
        columns |= {
            name: np.ma.masked_array(values, undefined(values)) for name, values in metrics.items()
        }
        load_relations()
        connection.register(WINDOWED, columns)
        return cls(source, chosen or source, columns)

    @property
    def rows(self) -> Rows:
        return Rows(f"({self._replaced(self.source.sql)})", self.source.values)

    def over(self, query: Query) -> Query:
        """The same query, with those of these runs as `runs` that are live and have equity."""
        sql = (
            f"with runs as (\n{self._replaced(self.chosen.sql)}\n"
            f"where {WINDOWED}.bars > 0 and whole.deleted_at is null\n)\n"
            f"select * from (\n{query.sql}\n)"
        )
        return replace(
            query,
            sql=sql,
            values={**self.chosen.values, **query.values},
            tables={WINDOWED: self.columns},
        )

    def _replaced(self, source: str) -> str:
        replaced = ", ".join(
            f"{self._value(column)} as {identifier(column.name)}"
            for column in RUNS.columns
            if column.name in self.columns.keys() - {"run_id"} or column.group == "trade"
        )
        return (
            f"select whole.* replace ({replaced})\n"
            f"from {source} as whole join {WINDOWED} using (run_id)"
        )

    def _value(self, column: Column) -> str:
        value = f"{WINDOWED}.{identifier(column.name)}"
        if column.name not in self.columns:
            return f"null::{column.duckdb_type}"
        if column.kind == "timestamp":
            return f"timezone('UTC', make_timestamp({value}))"
        return value
