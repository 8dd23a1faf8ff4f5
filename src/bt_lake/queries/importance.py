"""What the parameters did: the share of a metric's variance that each brings, and their means."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.drawing.picture import Shown
from bt_lake.metrics.forest import TREES, forest
from bt_lake.metrics.segments import Floats, Ints
from bt_lake.metrics.variance import variance_shares
from bt_lake.queries.filters import Filters
from bt_lake.queries.listing import listing
from bt_lake.queries.names import meant
from bt_lake.queries.reading import Reader
from bt_lake.queries.wholerows import flat
from bt_lake.warehouse.errors import BadInput, NotFound
from bt_lake.warehouse.forking import refuse_frames
from bt_lake.warehouse.schema import LABELS, RUNS
from bt_lake.wording.metrics import metric_name, metric_text, short
from bt_lake.wording.values import share, text, tick_share
from bt_lake.wording.widths import columns_of, folded, packed, padded

if TYPE_CHECKING:
    import polars as pl

    from bt_lake.drawing.picture import Picture

_LABELS = tuple(name for name in LABELS if name != "strategy")
_SHOWN = 12
_WIDTH, _NAMES = 80, 50  # columns of the text, and of the names in it at most
_BINS = 24
_FEWEST = 20  # runs, for a forest


@dataclass(frozen=True, repr=False)
class Importance(Shown):
    """`print` it, or take `.frame()` (shares), `.means()` (each value of each parameter),
    `.plot()`, `.parallel()`."""

    strategy: str
    metric: str
    axes: dict[str, list[str]]  # the values of each parameter or label, as texts
    brought: dict[tuple[int, ...], float]  # by axes: share of the variance
    at: list[Floats]  # the mean at each value of each axis
    places: Ints  # a row a run, a column an axis: which value it has
    values: Floats
    exact: bool

    @property
    def runs(self) -> int:
        return self.values.size

    @property
    def shares(self) -> dict[str, float]:
        """The largest first; what more than two bring together is `the rest`."""
        names = [short(name) for name in self.axes]
        found = {" x ".join(names[axis] for axis in axes): s for axes, s in self.brought.items()}
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

        rows = [
            (short(name), value, mean)
            for (name, values), means in zip(self.axes.items(), self.at, strict=True)
            for value, mean in zip(values, means.tolist(), strict=True)
        ]
        schema = {"parameter": pl.String, "value": pl.String, self.metric: pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def plot(self) -> Picture:
        """The largest shares as bars: `.save("shares.svg")`; notebooks show it."""
        from bt_lake.drawing import charts
        from bt_lake.drawing.stacking import titled

        shown = dict(list(self.shares.items())[:_SHOWN])
        title = f"What moves the {metric_name(self.metric)} of {self.strategy}"
        drawn = charts.bars(title, list(shown), list(shown.values()), show=tick_share)
        return titled(drawn, self.words)

    def parallel(self) -> Picture:
        """Each run as a line over its parameters, the better the brighter: parallel coordinates."""
        from bt_lake.drawing.parallel import Upright, parallel
        from bt_lake.drawing.stacking import titled

        better = RUNS[self.metric].better if self.metric in RUNS else ""
        good = self.values * (-1.0 if better == "lower" else 1.0)
        low, high = float(good.min()), float(good.max())
        good = (good - low) / (high - low) if high > low else np.full(good.size, 0.5)
        uprights = []
        for axis, (name, values) in enumerate(self.axes.items()):
            last = max(1, len(values) - 1)
            labels = [(place / last, value) for place, value in enumerate(values)]
            uprights.append(Upright(short(name), self.places[:, axis] / last, labels))
        show = metric_text(self.metric)
        ends = float(self.values.min()), float(self.values.max())
        spread = (self.values - ends[0]) / ((ends[1] - ends[0]) or 1.0)
        labels = [(0.0, show(ends[0])), (1.0, show(ends[1]))]
        uprights.append(Upright(metric_name(self.metric), spread, labels))
        title = f"{metric_name(self.metric)} of {self.strategy} over its parameters"
        return titled(
            parallel(title, uprights, good), f"{self.runs:,} runs, the better the brighter"
        )

    @property
    def words(self) -> str:
        grid = " x ".join(str(len(values)) for values in self.axes.values())
        if self.exact:
            return (
                f"{self.runs:,} runs on a full grid of {grid}: exact shares of the variance (ANOVA)"
            )
        return (
            f"{self.runs:,} runs on a part of a grid of {grid}: shares of the variance of a forest "
            f"of {TREES} trees (functional ANOVA)"
        )

    def __repr__(self) -> str:
        lines = folded(f"{metric_name(self.metric)} of {self.strategy}: {self.words}", _WIDTH)
        lines.append("")
        names = min(max(map(columns_of, self.shares), default=0), _NAMES)
        room = min(40, _WIDTH - names - 12)
        for name, part in self.shares.items():
            *above, name = folded(name, names)
            lines += ["  " + line for line in above]
            bar = "█" * round(part * room)
            lines.append(f"  {padded(name, names)}  {share(part):>6}  {bar}".rstrip())
        show = metric_text(self.metric)
        means = self.means().rows()
        for name in self.axes:
            told = [f" {v} {show(m)}," for p, v, m in means if p == short(name)]
            told[_SHOWN:] = [" ..."] * (len(told) > _SHOWN)
            told[-1] = told[-1].removesuffix(",")
            first, *rest = packed([f"mean by {short(name)}:", *told], _WIDTH - 4)
            lines += ["  " + first, *("    " + line for line in rest)]
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
    value = np.array([row[name] for row in rows], np.float64)
    index = {axis: {repr(v): n for n, v in enumerate(values)} for axis, values in axes.items()}
    places = np.array([[index[axis][repr(each.get(axis))] for axis in axes] for each in settings])
    made: dict[str, Any] = {"places": places, "values": value}
    cells = _cells(axes, places, value)
    made |= _by_forest(axes, places, value) if cells is None else _exact(axes, cells)
    return Importance(strategy, name, **made)


def _cells(axes: dict[str, list[Any]], places: Ints, value: Floats) -> Floats | None:
    """The mean of the runs in each cell of the grid; None where it has gaps."""
    shape = [len(values) for values in axes.values()]
    if prod(shape) > value.size:
        return None
    counts, sums = np.zeros(shape), np.zeros(shape)
    np.add.at(counts, tuple(places.T), 1.0)
    np.add.at(sums, tuple(places.T), value)
    return np.asarray(sums / counts) if (counts > 0).all() else None


def _exact(axes: dict[str, list[Any]], cells: Floats) -> dict[str, Any]:
    means = [
        cells.mean(axis=tuple(n for n in range(cells.ndim) if n != axis))
        for axis in range(cells.ndim)
    ]
    named = {axis: [text(value) for value in values] for axis, values in axes.items()}
    return {"axes": named, "brought": variance_shares(cells), "at": means, "exact": True}


def _by_forest(axes: dict[str, list[Any]], places: Ints, value: Floats) -> dict[str, Any]:
    """Values of an axis that has very many are taken together, each time about as many."""
    if value.size < _FEWEST:
        raise BadInput(
            f"importance: {value.size} runs that are no full grid are too few to tell by: "
            f"it takes {_FEWEST}"
        )
    named, binned = {}, places.copy()
    for axis, (name, values) in enumerate(axes.items()):
        bins = np.array_split(np.arange(len(values)), min(len(values), _BINS))
        bin_of = np.repeat(np.arange(len(bins)), [part.size for part in bins])
        binned[:, axis] = bin_of[places[:, axis]]
        ends = [(text(values[part[0]]), text(values[part[-1]])) for part in bins]
        named[name] = [low if low == high else f"{low} to {high}" for low, high in ends]
    found = forest(binned, value, np.array([len(values) for values in named.values()]))
    parts = {"axes": named, "brought": found.shares, "at": found.means, "exact": False}
    return {**parts, "places": binned}


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
