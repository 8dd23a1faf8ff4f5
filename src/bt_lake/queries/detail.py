"""One run in full."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from html import escape
from math import isclose
from typing import TYPE_CHECKING, Any

from bt_lake.drawing.picture import Shown
from bt_lake.queries import curves
from bt_lake.queries.answer import Answer
from bt_lake.queries.reading import Reader
from bt_lake.queries.resolving import find
from bt_lake.queries.standing import Standing, standings
from bt_lake.queries.wholerows import Row, flat, whole_rows
from bt_lake.warehouse.errors import NotFound
from bt_lake.warehouse.schema import METRIC_GROUPS, RUNS

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

    from bt_lake.drawing.picture import Picture

# Computed and reported numbers count as equal when they agree to four digits.
_AGREE = 1e-4
_HEADLINES = (
    "total_return",
    "cagr",
    "sharpe_ratio",
    "sortino_ratio",
    "calmar_ratio",
    "max_drawdown",
    "volatility",
    "total_trades",
    "win_rate",
    "profit_factor",
)


@dataclass(frozen=True)
class Detail(Shown):
    """A run: `row` holds every column of `runs`, its JSON parsed, its times naive UTC."""

    row: Row
    _reader: Reader = field(repr=False)

    @property
    def run_id(self) -> str:
        return str(self.row["run_id"])

    @property
    def params(self) -> Row:
        return dict(self.row["params"] or {})

    @property
    def metrics(self) -> Row:
        """Every metric the run has, its own ones too."""
        own = self.row["extra"] or {}
        known = {c.name: self.row[c.name] for c in RUNS.columns if c.group in METRIC_GROUPS}
        return {n: v for n, v in {**known, **own}.items() if isinstance(v, int | float)}

    @cached_property
    def curve(self) -> Answer:
        return curves.equity(self._reader, [self.run_id])

    @cached_property
    def trade_log(self) -> Answer:
        return curves.trades(self._reader, [self.run_id])

    @property
    def equity(self) -> pl.DataFrame:
        return self.curve.frame()

    @property
    def trades(self) -> pl.DataFrame:
        return self.trade_log.frame()

    @cached_property
    def monthly(self) -> list[tuple[date, float | None]]:
        """The first day of each month, and its return."""
        rows = curves.monthly(self._reader, [self.run_id]).rows()
        return [(month, value) for _, month, value in rows]

    def standing(self, family: str = "strategy") -> Standing | None:
        """Beside the luck of all trials of the same strategy, sweep or symbol, or of all there are;
        None of a deleted run."""
        found = self._reader.ask(lambda connection: standings(connection, [self.row], family))
        return found.get(self.run_id)

    @property
    def disagreements(self) -> list[tuple[str, float, float]]:
        """Metric, what the source reported, what the lake computed, where they differ."""
        if self.row["metrics_from"] != "curve":
            return []
        pairs = [(n, v, self.row.get(n)) for n, v in (self.row["reported"] or {}).items()]
        return [
            (name, reported, float(computed))
            for name, reported, computed in pairs
            if isinstance(computed, int | float)
            and not isclose(reported, computed, rel_tol=_AGREE, abs_tol=1e-9)
        ]

    def __repr__(self) -> str:
        facts = self._facts()
        width = max(len(name) for name, _ in facts)
        return "\n".join([self._title(), *(f"  {name:<{width}}  {text}" for name, text in facts)])

    def plot(self) -> Picture:
        """Equity and drawdown: `.save("run.svg")`; notebooks show it."""
        from bt_lake.queries.pictures import run_picture

        return run_picture(self)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(text)}</td></tr>"
            for name, text in self._facts()
        )
        table = f"<table><caption>{escape(self._title())}</caption>{rows}</table>"
        try:
            return table + self.plot()._repr_html_()
        except NotFound:  # without a curve
            return table

    def _title(self) -> str:
        row = self.row
        labels = [row["strategy"], row["symbol"], row["timeframe"]]
        return f"run {self.run_id}: {' '.join(filter(None, labels))}"

    def _facts(self) -> list[tuple[str, str]]:
        row = self.row
        facts = [
            ("created_at", f"{row['created_at']:%Y-%m-%d %H:%M} UTC"),
            ("status", row["status"]),
        ]
        if row["error"]:
            facts.append(("error", row["error"].splitlines()[-1]))
        if row["start_at"] and row["end_at"]:
            facts.append(("period", f"{row['start_at']:%Y-%m-%d} to {row['end_at']:%Y-%m-%d}"))
        facts += [(f"param.{name}", str(value)) for name, value in flat(self.params).items()]
        facts += [(name, _text(name, row[name])) for name in _HEADLINES if row[name] is not None]
        facts += [(name, f"{value:g}") for name, value in (row["extra"] or {}).items()]
        return facts


def _text(name: str, value: Any) -> str:
    if RUNS[name].unit == "fraction":
        return f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def detail(reader: Reader, run_id: str) -> Detail:
    """A run by its id or any part of it that is unique, deleted ones too; its curve and trades
    are read when asked for."""

    def question(connection: DuckDBPyConnection) -> Row:
        try:
            return whole_rows(connection, [run_id] if isinstance(run_id, str) else [])[0]
        except (NotFound, IndexError):
            return whole_rows(connection, [find(connection, run_id, deleted=True)])[0]

    return Detail(reader.ask(question), reader)
