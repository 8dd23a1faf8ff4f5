"""Runs as a table: the columns everybody wants, and those in which the shown runs differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bt_lake.cli.fields import JUDGED, Field, field, figure, judged, parameter, plain
from bt_lake.cli.output import Layout, Output, Row
from bt_lake.queries.names import PARAM
from bt_lake.queries.wholerows import flat
from bt_lake.warehouse.schema import RUNS, SHOWN
from bt_lake.wording.values import text
from bt_lake.wording.widths import shortened

# Shown where any run has one; the others only where the shown runs differ in them.
_ALWAYS = ("strategy", "symbol")
_LABELS = tuple(name for name in SHOWN if name not in _ALWAYS)
_METRICS = ("sharpe_ratio", "total_return", "max_drawdown", "total_trades")
# How telling a parameter is that hardly any of the shown runs has, or all; a label they all share.
_PARTIAL, _WHOLE, _SAME = 46, 80, 47
_MOST_OF_AN_ERROR = 80
_PARTS = ("sample", "fold")  # a row that has one is not of the whole
_A_YEAR = 365.25 * 86_400
_ALIKE = 1.1  # as long, but for where the data begin
_YEARS = figure("years", lambda value: f"{value:.1f}")

# What a table of runs is made of; the rest of the columns need not be asked for.
ASKED = (
    "run_id", "created_at", *_ALWAYS, *_LABELS, "params", *_METRICS, "status", "error", "tags",
    "start_at", "end_at",
)  # fmt: skip


class RunLayout:
    """Lays out an answer about runs; `metric` is what they are ranked by.

    `in_all` says then which parameters they have in common, where all of them were seen together.
    """

    def __init__(
        self,
        out: Output,
        *,
        first: Sequence[str] = (),
        metric: str = "",
        last: Sequence[str] = (),
    ) -> None:
        self._out, self._first, self._metric, self._last = out, first, metric, last
        self._pieces = 0
        self.in_all: list[str] = []

    def __call__(
        self, columns: Sequence[str], rows: Sequence[Row]
    ) -> tuple[list[Field], list[Row]]:
        if not rows:
            return [field("run_id")], []
        values = {name: [row[n] for row in rows] for n, name in enumerate(columns)}
        params = _params(values["params"], self._metric)
        self.in_all = [] if self._pieces else _in_all(values["params"], params)
        self._pieces += 1
        years = _years(values)
        shown = [
            *(self._shown(name, values) for name in self._names(values)),
            *params,
            *([(_YEARS, years)] if _differ(years) else ()),
            *(self._shown(name, values) for name in self._figures(values)),
        ]
        return [made for made, _ in shown], list(zip(*(v for _, v in shown), strict=True))

    def _shown(self, name: str, values: Mapping[str, list[Any]]) -> tuple[Field, list[Any]]:
        made = _field(name, self._out, values[name])
        return (made.bold().at(98) if name == self._metric else made), values[name]

    def _names(self, values: Mapping[str, list[Any]]) -> list[str]:
        first = (name for name in self._first if name in values)
        return [*first, "run_id", *_labels(values, self._first)]

    def _figures(self, values: Mapping[str, list[Any]]) -> list[str]:
        ranked = () if self._metric.startswith(PARAM) else (self._metric,)
        names = dict.fromkeys((*ranked, *_METRICS, *self._last))
        return [
            n for n in names if n in values and (n == self._metric or _worth_showing(n, values[n]))
        ]


def _years(values: Mapping[str, list[Any]]) -> list[float | None]:
    """How long a stretch of data each row is of."""
    ends = zip(values.get("start_at", ()), values.get("end_at", ()), strict=True)
    return [
        None if start is None or end is None else (end - start).total_seconds() / _A_YEAR
        for start, end in ends
    ]


def _differ(years: Sequence[float | None]) -> bool:
    known = [year for year in years if year is not None]
    return bool(known) and max(known) > _ALIKE * min(known)


def _labels(values: Mapping[str, list[Any]], first: Iterable[str]) -> list[str]:
    return [
        name
        for name in (*_ALWAYS, *_LABELS)
        if name not in first and _worth_showing(name, values.get(name, []))
    ]


def chosen_layout(out: Output) -> Layout:
    """The columns the user named, in that order."""

    def layout(columns: Sequence[str], rows: Sequence[Row]) -> tuple[list[Field], Sequence[Row]]:
        return [_field(name, out) for name in columns], rows

    return layout


def _field(name: str, out: Output, values: Sequence[Any] = ()) -> Field:
    if name == "rank":
        return field("#")
    if name in JUDGED:
        return judged(name)
    if name not in RUNS:
        return plain(name.removeprefix(PARAM)).at(98)
    made = field(name, full_ids=not out.on_terminal)
    if name == "error":
        return replace(made, texts=lambda values: [text(_exception(v)) for v in values])
    same = name in _ALWAYS and len(values) > 1 and len(set(values)) == 1
    return made.at(_SAME) if same else made


def _exception(error: str | None) -> str | None:
    """The line that says what went wrong, without the traceback."""
    lines = error.strip().splitlines() if error else []
    if not lines:
        return error
    told = lines[-1] if lines[0].startswith("Traceback ") else lines[0]
    return shortened(told, _MOST_OF_AN_ERROR)


def _worth_showing(name: str, values: list[Any]) -> bool:
    if name in _PARTS:
        return any(value is not None for value in values)
    if name in _LABELS:
        return len(set(values)) > 1
    if name == "status":
        return any(value != "ok" for value in values)
    return any(value is not None for value in values)


def _params(texts: Sequence[str | None], metric: str) -> list[tuple[Field, list[Any]]]:
    """A column for each parameter in which some runs differ, or by which they are ranked; of one
    run alone for each it has."""
    sets = _sets(texts)
    columns = []
    for name in dict.fromkeys(name for each in sets for name in each):
        ranked = metric == PARAM + name
        values = [each.get(name) for each in sets]
        if ranked or len(sets) == 1 or len({json.dumps(value) for value in values}) > 1:
            share = sum(name in each for each in sets) / len(sets)
            made = parameter(name).at(round(_PARTIAL + share * (_WHOLE - _PARTIAL)))
            columns.append((made.bold().at(98) if ranked else made, values))
    return columns


def _in_all(texts: Sequence[str | None], shown: Sequence[tuple[Field, Any]]) -> list[str]:
    """The parameters that have no column, since all the runs have the same, with their value."""
    columns = {made.name for made, _ in shown}
    same = {name: value for name, value in _sets(texts)[0].items() if name not in columns}
    return [
        f"{parameter(name).title} {parameter(name).text(value)}" for name, value in same.items()
    ]


def _sets(texts: Sequence[str | None]) -> list[dict[str, Any]]:
    return [flat(json.loads(text)) if text else {} for text in texts]
