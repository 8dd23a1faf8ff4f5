"""Runs side by side: what differs, who is better in what, and how alike their returns are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from bt_lake.drawing.picture import Shown
from bt_lake.queries.curves import rows_of
from bt_lake.queries.heads import heads
from bt_lake.queries.reading import Reader
from bt_lake.queries.resolving import TAIL
from bt_lake.queries.standing import Standing, standings
from bt_lake.queries.text import sql
from bt_lake.queries.wholerows import Row, flat, whole_rows
from bt_lake.warehouse.errors import BadInput, NotFound
from bt_lake.warehouse.forking import refuse_frames
from bt_lake.warehouse.schema import METRIC_GROUPS, RUNS, TITLES

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

    from bt_lake.drawing.picture import Picture
    from bt_lake.queries.tracks import Track

_LABELS = [c.name for c in RUNS.columns if c.group == "label" and c.name != "notes"]
_LABELS += ["entrypoint", "code_hash", "data_hash", "start_at", "end_at", "status"]
_LABELS += ["metrics_from"]  # a computed ratio beside a reported one
_FEWEST_DAYS = 3
_ABREAST = 5
_IN_SQL = 30
_HEAD = 24
_HEADLINES = ("total_return", "cagr", "sharpe_ratio", "max_drawdown", "total_trades", "win_rate")
Matrix = list[list[Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    section: Literal["label", "param", "config"]
    name: str
    values: list[Any]


@dataclass(frozen=True, slots=True)
class MetricLine:
    """A metric of each run; `best` are the places of the best ones, where one way is better."""

    name: str
    unit: str
    values: list[float | int | None]
    best: list[int]


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Shown):
    """`correlation` of daily returns, and `overlap`, the days it rests on, for each pair."""

    ids: list[str]
    runs: list[Row]
    differences: list[Difference]
    metrics: list[MetricLine]
    correlation: Matrix
    overlap: Matrix
    standings: list[Standing | None]  # beside the luck of their strategies' trials
    _tracks: Callable[[], list[Track]]

    @property
    def shared_params(self) -> Row:
        """The parameters that are the same in all of them, nested ones by their paths."""
        params = [flat(run["params"] or {}) for run in self.runs]
        return {name: value for name, value in params[0].items() if _shared(name, params)}

    def frame(self) -> pl.DataFrame:
        """A row for each difference and each metric, a column of texts for each run."""
        refuse_frames()
        import polars as pl

        lines = [(line.section, line.name, *map(_text, line.values)) for line in self.differences]
        lines += [("metric", line.name, *map(_text, line.values)) for line in self.metrics]
        return pl.DataFrame(
            lines, schema=dict.fromkeys(("section", "name", *self.ids), pl.String), orient="row"
        )

    @property
    def heads(self) -> list[str]:
        """What each run is called: by what sets it apart."""
        return heads(self.runs, _HEAD)

    def plot(self) -> Picture:
        """Their growth and drawdown from the same start: `.save("x.svg")`; notebooks show it."""
        from bt_lake.queries.pictures import comparison_picture

        return comparison_picture(heads(self.runs), self._tracks())

    def __repr__(self) -> str:
        table = self._table()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        return "\n".join(
            "  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]).rstrip()
            for name, *cells in table
        )

    def _repr_html_(self) -> str:
        head, *rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self._table())
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        try:
            return table + self.plot()._repr_html_()
        except NotFound:  # none has a curve
            return table

    def _table(self) -> list[list[str]]:
        """A column a run, or a row a run where they are many: no one reads lines of 300 letters."""
        return self._wide() if len(self.ids) <= _ABREAST else self._tall()

    def _wide(self) -> list[list[str]]:
        """What differs, then the metrics with a star at the best, then how alike they are."""
        table = [["", *self.heads], ["run", *(f"…{run_id[-TAIL:]}" for run_id in self.ids)]]
        table += [[line.name, *map(_shown, line.values)] for line in self.differences]
        for line in self.metrics:
            stars = ["*" if place in line.best else " " for place in range(len(line.values))]
            cells = [f"{_shown(v)} {star}" for v, star in zip(line.values, stars, strict=True)]
            table.append([line.name, *cells])
        for name, row in zip(self.heads, self.correlation, strict=True):
            table.append([f"correlation with {name}", *map(_shown, row)])
        return table

    def _tall(self) -> list[list[str]]:
        lines = [line for line in self.metrics if line.name in _HEADLINES]
        table = [["", *(TITLES.get(line.name, line.name) for line in lines)]]
        for place, name in enumerate(self.heads):
            cells = [
                (_shown(line.values[place]), "*" if place in line.best else " ") for line in lines
            ]
            table.append([name, *(f"{shown} {star}" for shown, star in cells)])
        return table


def compare(reader: Reader, run_ids: Sequence[str]) -> Comparison:
    """Two runs or more, by their whole ids."""
    ids = list(dict.fromkeys(run_ids))
    if len(ids) < 2:
        raise BadInput("compare takes two different runs or more")

    def curves() -> list[Track]:
        from bt_lake.queries.tracks import tracks

        return tracks(reader, made.runs)

    def question(connection: DuckDBPyConnection) -> Comparison:
        runs = whole_rows(connection, ids)
        alike, days = _correlations(connection, runs)
        beside = standings(connection, runs)
        found = [beside.get(run_id) for run_id in ids]
        differences, metrics = _differences(runs), _metrics(runs)
        return Comparison(ids, runs, differences, metrics, alike, days, found, curves)

    made = reader.ask(question)
    return made


def _differences(runs: Sequence[Row]) -> list[Difference]:
    labels = {name: [run[name] for run in runs] for name in _LABELS}
    found = [Difference("label", n, each) for n, each in labels.items() if not _alike(each)]
    for section, column in (("param", "params"), ("config", "config")):
        parts = [flat(run[column] or {}) for run in runs]
        for name in dict.fromkeys(name for part in parts for name in part):
            if not _shared(name, parts):
                # One that is null is not one that is absent.
                values = [_known(part[name]) if name in part else None for part in parts]
                found.append(Difference(section, name, values))  # type: ignore[arg-type]
    return found


def _shared(name: str, parts: Sequence[Row]) -> bool:
    return all(name in part for part in parts) and _alike([part[name] for part in parts])


def _known(value: Any) -> Any:
    return "null" if value is None else value


def _alike(values: Sequence[Any]) -> bool:
    return len(set(map(_told_apart, values))) == 1


def _told_apart(value: Any) -> str:
    """True is not 1, though Python calls them equal; 1 is 1.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return repr(value)


def _metrics(runs: Sequence[Row]) -> list[MetricLine]:
    lines = []
    for column in RUNS.columns:
        if column.is_number and column.group in METRIC_GROUPS:
            values = [run[column.name] for run in runs]
            lines.append(MetricLine(column.name, column.unit, values, _best(values, column.better)))
    own = dict.fromkeys(name for run in runs for name in run["extra"] or {})
    lines += [MetricLine(n, "", [(run["extra"] or {}).get(n) for run in runs], []) for n in own]
    return [line for line in lines if any(value is not None for value in line.values)]


def _best(values: Sequence[Any], better: str) -> list[int]:
    """The places of the best values; none where all are equal or no way is better."""
    known = [value for value in values if value is not None]
    if not better or len(set(known)) < 2:
        return []
    best = max(known) if better == "higher" else min(known)
    return [place for place, value in enumerate(values) if value == best]


def _correlations(connection: DuckDBPyConnection, runs: Sequence[Row]) -> tuple[Matrix, Matrix]:
    """In SQL, which needs no numpy; of many runs by matrices, since their pairs take it minutes."""
    if len(runs) <= _IN_SQL:
        return _correlation(connection, runs)
    import numpy as np

    from bt_lake.queries.alike import Daily, correlations
    from bt_lake.queries.tracks import tracks_of

    found, days = correlations([Daily.of(track) for track in tracks_of(connection, runs)])
    np.fill_diagonal(found, 1.0)
    np.fill_diagonal(days, 0)
    alike = [[None if value != value else value for value in row] for row in found.tolist()]
    return alike, days.tolist()


def _correlation(connection: DuckDBPyConnection, runs: Sequence[Row]) -> tuple[Matrix, Matrix]:
    ids = [run["run_id"] for run in runs]
    points = rows_of(connection, "equity", ids, {run["commit_id"] for run in runs})
    values = {"ids": ids, "zones": [run["time_zone"] for run in runs]}
    rows = connection.execute(sql("correlation", points=points), values).fetchall()
    places = {run_id: place for place, run_id in enumerate(ids)}
    alike: Matrix = [[1.0 if i == j else None for j in range(len(ids))] for i in range(len(ids))]
    days: Matrix = [[0] * len(ids) for _ in ids]
    for one, other, count, value in rows:
        i, j = places[one], places[other]
        days[i][j] = days[j][i] = count
        if count >= _FEWEST_DAYS:
            alike[i][j] = alike[j][i] = value
    return alike, days


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else str(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
