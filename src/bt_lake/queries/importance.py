"""What the parameters did: the share of a metric's variance that each brings, and their means."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.metrics.segments import Floats
from bt_lake.metrics.variance import variance_shares
from bt_lake.queries.filters import Filters
from bt_lake.queries.listing import listing
from bt_lake.queries.names import meant
from bt_lake.queries.reading import Reader
from bt_lake.queries.wholerows import flat
from bt_lake.warehouse.errors import BadInput, NotFound
from bt_lake.warehouse.forking import refuse_frames
from bt_lake.warehouse.schema import LABELS
from bt_lake.wording.metrics import metric_name, metric_text, short
from bt_lake.wording.values import percent, text, tick_share

if TYPE_CHECKING:
    import polars as pl

    from bt_lake.drawing.picture import Picture

_LABELS = tuple(name for name in LABELS if name != "strategy")
_SHOWN = 12


@dataclass(frozen=True, repr=False)
class Importance:
    """`print` it, or take `.frame()` (shares), `.means()` (each value of each parameter),
    `.plot()`."""

    strategy: str
    metric: str
    axes: dict[str, list[Any]]  # the values of each parameter or label
    cells: Floats  # the mean of the runs in each
    runs: int

    @property
    def shares(self) -> dict[str, float]:
        """The largest first; what more than two bring together is `the rest`."""
        names = [short(name) for name in self.axes]
        found = {
            " x ".join(names[axis] for axis in axes): share
            for axes, share in variance_shares(self.cells).items()
        }
        ordered = dict(sorted(found.items(), key=lambda each: -each[1]))
        if len(names) > 2 and ordered:
            ordered["the rest"] = max(0.0, 1.0 - sum(ordered.values()))
        return ordered

    def frame(self) -> pl.DataFrame:
        refuse_frames()
        import polars as pl

        rows = list(self.shares.items())
        schema = {"parameters": pl.String, "share": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def means(self) -> pl.DataFrame:
        """parameter, value (as text) and the mean of the metric over all others, each alike."""
        refuse_frames()
        import polars as pl

        rows = []
        for axis, (name, values) in enumerate(self.axes.items()):
            others = tuple(n for n in range(self.cells.ndim) if n != axis)
            means = self.cells.mean(axis=others)
            rows += [(short(name), text(v), m) for v, m in zip(values, means.tolist(), strict=True)]
        schema = {"parameter": pl.String, "value": pl.String, self.metric: pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def plot(self) -> Picture:
        """The largest shares as bars: `.save("shares.svg")`; notebooks show it."""
        from bt_lake.drawing import charts

        shown = dict(list(self.shares.items())[:_SHOWN])
        title = f"What moves the {metric_name(self.metric)} of {self.strategy}"
        drawn = charts.bars(title, list(shown), list(shown.values()), show=tick_share)
        return charts.titled(drawn, self.words)

    @property
    def words(self) -> str:
        grid = " x ".join(str(len(values)) for values in self.axes.values())
        return f"{self.runs:,} runs on a full grid of {grid}: exact shares of the variance (ANOVA)"

    def __repr__(self) -> str:
        lines = [f"{metric_name(self.metric)} of {self.strategy}: {self.words}", ""]
        left = max(map(len, self.shares), default=0)
        for name, share in self.shares.items():
            bar = "█" * round(share * 40)
            lines.append(f"  {name:<{left}}  {percent(share, sign=''):>6}  {bar}".rstrip())
        show = metric_text(self.metric)
        means = self.means().rows()
        for name in self.axes:
            told = [f"{v} {show(m)}" for p, v, m in means if p == short(name)]
            lines.append(f"  mean by {short(name)}: {', '.join(told[:_SHOWN])}")
            lines[-1] += ", ..." if len(told) > _SHOWN else ""
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.plot()._repr_html_()


def importance(reader: Reader, strategy: str, metric: str, filters: Filters) -> Importance:
    name = meant(reader, metric)
    filters = replace(filters, strategy=strategy)
    columns = list(dict.fromkeys(["run_id", *_LABELS, "params", name]))
    asked = listing(reader, sort="run_id", n=None, columns=columns, filters=filters)
    rows = [row for row in asked.dicts() if row[name] is not None]
    if not rows:
        raise NotFound(asked.note() or f"no run of {strategy} has {name}")
    settings = [
        {label: row[label] for label in _LABELS}
        | {f"param.{key}": value for key, value in flat(json.loads(row["params"] or "{}")).items()}
        for row in rows
    ]
    axes = _axes(settings)
    if not axes:
        raise BadInput(f"no parameter differs among the runs of {strategy} that have {name}")
    size = prod(map(len, axes.values()))
    held: dict[tuple[int, ...], list[float]] = defaultdict(list)
    places = {axis: {repr(v): n for n, v in enumerate(values)} for axis, values in axes.items()}
    for row, each in zip(rows, settings, strict=True):
        held[tuple(places[axis][repr(each.get(axis))] for axis in axes)].append(row[name])
    if len(held) < size:
        told = ", ".join(f"{short(axis)} ({len(values)})" for axis, values in axes.items())
        raise BadInput(
            f"importance needs a full grid: {len(held):,} of the {size:,} combinations of {told} "
            "have runs; take a part of them by -p or another filter"
        )
    cells = np.empty([len(values) for values in axes.values()])
    for place, values in held.items():
        cells[place] = np.mean(values)
    return Importance(strategy, name, axes, cells, len(rows))


def _axes(settings: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """What differs, each with its values in order."""
    names = dict.fromkeys(name for each in settings for name in each)
    found = {}
    for name in names:
        values = {repr(each.get(name)): each.get(name) for each in settings}
        if len(values) > 1:
            found[name] = sorted(values.values(), key=_order)
    return found


def _order(value: Any) -> tuple[bool, float, str]:
    number = isinstance(value, int | float)
    return (not number, float(value) if number else 0.0, str(value))
