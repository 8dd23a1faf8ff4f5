"""A sweep: one metric over a grid of one or two parameters."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bt_lake.drawing.picture import Shown
from bt_lake.queries.filters import ALL, Filters
from bt_lake.queries.names import (
    EXTRA,
    PARAM,
    axis,
    dimension,
    meant,
    metric,
    param,
    pointer,
    require,
)
from bt_lake.queries.origins import mixed_words, of_origins, unreported
from bt_lake.queries.reading import Reader
from bt_lake.queries.text import sql
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.forking import refuse_frames
from bt_lake.warehouse.quoting import identifier, literal
from bt_lake.warehouse.schema import SHOWN

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

    from bt_lake.drawing.cells import Cells
    from bt_lake.drawing.picture import Picture
    from bt_lake.queries.sweep_plateau import Block

HOW = {
    "mean": "avg",
    "median": "median",
    "min": "min",
    "max": "max",
    "std": "stddev_samp",
    "count": "count",
}
_LABELS = tuple(name for name in SHOWN if name != "strategy")
Value = int | float | str
_INT64, _LARGEST = 2**63, int(sys.float_info.max)


@dataclass(frozen=True)
class Grid(Shown):
    """The values of one metric over one or two parameters, numbers as numbers.

    `rows` are (x, value, runs) or (x, y, value, runs), sorted; `note` says why there are none, or
    that not all of them are of one definition.
    """

    strategy: str
    x: str
    y: str | None
    metric: str
    how: str
    rows: list[tuple[Any, ...]] = field(repr=False)
    note: str
    _mixed: Callable[[], list[str]] = field(repr=False)

    @property
    def columns(self) -> list[str]:
        axes = [self.x, *([self.y] if self.y else [])]
        taken = self.metric in (*axes, "runs")
        return [*axes, EXTRA + self.metric if taken else self.metric, "runs"]

    def plateau(self) -> Block | None:
        """Where it is good all around: the square of cells with the best median, if any."""
        from bt_lake.queries.sweep_plateau import plateau

        return plateau(self)

    @property
    def xs(self) -> list[Value]:
        return list(dict.fromkeys(row[0] for row in self.rows))

    @property
    def ys(self) -> list[Value]:
        return sorted({row[1] for row in self.rows}) if self.y else []

    @property
    def runs(self) -> int:
        return sum(row[-1] for row in self.rows)

    @cached_property
    def mixed(self) -> list[str]:
        """Labels and parameters that differ within the cells, over which `how` is taken."""
        return [name for name in self._mixed() if name not in (self.x, self.y)]

    def pivot(self) -> list[list[float | None]]:
        """A row of values for each of `xs`, a column for each of `ys`."""
        if self.y is None:
            return [[row[1]] for row in self.rows]
        cells, ys = {(row[0], row[1]): row[2] for row in self.rows}, self.ys
        return [[cells.get((x, y)) for y in ys] for x in self.xs]

    def frame(self) -> pl.DataFrame:
        """The long table."""
        refuse_frames()
        import polars as pl

        return pl.DataFrame(self.rows, schema=self.columns, orient="row", infer_schema_length=None)

    def pivot_frame(self) -> pl.DataFrame:
        """The grid as a table: a row for each x, a column for each y."""
        refuse_frames()
        import polars as pl

        names = [self.x, *([str(y) for y in self.ys] if self.y else self.columns[1:2])]
        rows = [(x, *cells) for x, cells in zip(self.xs, self.pivot(), strict=True)]
        found = pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
        return found.cast({pl.Null: pl.Float64})  # of a column where every run failed

    def cells(self) -> Cells:
        """The grid between its worst and its best value, for a terminal or a picture."""
        from bt_lake.queries.pictures import cells

        return cells(self)

    def plot(self) -> Picture:
        """A heatmap, or bars of one parameter: `.save("grid.svg")`; notebooks show it."""
        from bt_lake.queries.pictures import grid_picture

        return grid_picture(self)

    def _repr_html_(self) -> str:
        return self.plot()._repr_html_() if self.rows else self.pivot_frame()._repr_html_()


def sweep(
    reader: Reader,
    strategy: str,
    *,
    x: str,
    y: str | None = None,
    metric_name: str = "sharpe_ratio",
    how: str = "mean",
    filters: Filters = ALL,
) -> Grid:
    """One metric of a strategy over one or two parameters or labels.

    What else differs among the runs is aggregated by `how` (mean, median, min, max, std, count),
    or fixed by a filter.
    """
    if how not in HOW:
        raise UnknownName.near("aggregate", how, HOW, f" There are {', '.join(HOW)}.")
    axes = [axis(name) for name in ([x] if y is None else [x, y])]
    if len(set(axes)) != len(axes):
        raise BadInput(f"sweep: x and y are both {axes[0]}")
    filters = replace(filters, strategy=strategy)
    wanted = metric(meant(reader, metric_name))
    if wanted.name.startswith(PARAM) and wanted.name in axes:
        raise BadInput(f"sweep: an axis and the metric are both {wanted.name}")

    def question(connection: DuckDBPyConnection) -> tuple[list[tuple[Any, ...]], str]:
        condition = filters.condition(connection)
        names = [f"a{place}" for place in range(len(axes))]
        taken, expressions = _found(axes)
        text = sql(
            "sweep",
            axes=", ".join(names),
            found=taken,
            expressions=", ".join(
                f"{each} as {name}" for each, name in zip(expressions, names, strict=True)
            ),
            metric=wanted.sql,
            origins=", ".join(of_origins("value")),
            how="count(value)" if how == "count" else f"lake_finite({HOW[how]}(value))",
            condition=condition.sql,
        )
        found = connection.execute(text, dict(condition.values)).fetchall()
        cells = [row[:-2] for row in found]
        rows = [row for row in cells if not {None, "null"} & set(row[: len(axes)])]
        if not rows:
            return [], filters.hint(connection) or _lacking(connection, axes)
        if not wanted.declared and not any(row[-1] for row in rows):
            require(connection, wanted)
        if not any(row[-1] for row in rows):
            return _typed(rows, axes), unreported(connection, wanted, filters)
        computed, reported = (sum(row[place] for row in found) for place in (-2, -1))
        return _typed(rows, axes), mixed_words(wanted, computed, reported)

    rows, note = reader.ask(question, user_sql=filters.user_sql)
    return Grid(
        strategy=strategy,
        x=axes[0],
        y=axes[1] if y is not None else None,
        metric=wanted.name,
        how=how,
        rows=rows,
        note=note,
        _mixed=lambda: _mixed(reader, filters),
    )


def _found(axes: Sequence[str]) -> tuple[str, list[str]]:
    """What to take from the parameters beforehand, and each axis in SQL: where none is nested,
    all are found in one reading of the JSON."""
    names = [name.removeprefix(PARAM) for name in axes]
    if any(
        not axis.startswith(PARAM) or "." in name for axis, name in zip(axes, names, strict=True)
    ):
        expressions = [
            param(name, "->") if axis.startswith(PARAM) else dimension(axis)
            for axis, name in zip(axes, names, strict=True)
        ]
        return "", [f"{each}::varchar" for each in expressions]
    pointers = ", ".join(literal(pointer([name])) for name in names)
    found = [f"found[{place}]::varchar" for place in range(1, len(axes) + 1)]
    return f", params -> [{pointers}] as found", found


def _lacking(connection: DuckDBPyConnection, axes: Sequence[str]) -> str:
    require(connection, *(metric(name) for name in axes if name.startswith(PARAM)))
    return f"none of these runs has {' and '.join(axes)}"


def _typed(rows: list[tuple[Any, ...]], axes: Sequence[str]) -> list[tuple[Any, ...]]:
    """Each axis in values that sort: labels are texts, and parameters what they are in JSON."""
    columns = list(zip(*rows, strict=True))
    for place, name in enumerate(axes):
        if name.startswith(PARAM):
            columns[place] = _values(columns[place])
    return sorted(zip(*columns, strict=True), key=lambda row: row[: len(axes)])


def _values(texts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Numbers where all are numbers, else texts, such that no two values look alike."""
    parsed = {text: json.loads(text) for text in set(texts)}
    values = [parsed[text] for text in texts]
    numbers = [value for value in values if type(value) in (int, float)]
    if len(numbers) == len(values):
        wide = any(type(number) is int and abs(number) >= _INT64 for number in numbers)
        if not wide:
            return tuple(numbers)
        floats = [min(max(number, -_LARGEST), _LARGEST) for number in numbers]
        floats = list(map(float, floats))
        return tuple(floats) if len(set(floats)) == len(set(numbers)) else texts
    shown = [
        value if isinstance(value, str) else text for value, text in zip(values, texts, strict=True)
    ]
    alike = len(set(shown)) < len(set(texts))
    return texts if alike else tuple(shown)


def _mixed(reader: Reader, filters: Filters) -> list[str]:
    def question(connection: DuckDBPyConnection) -> list[str]:
        condition = filters.condition(connection)
        labels = [identifier(label) for label in _LABELS]
        text = sql(
            "sweep_mixed",
            labels=", ".join(labels),
            distinct=", ".join(f"count(distinct {label}) as {label}" for label in labels),
            condition=condition.sql,
        )
        return [row[0] for row in connection.execute(text, dict(condition.values)).fetchall()]

    return reader.ask(question, user_sql=filters.user_sql)
