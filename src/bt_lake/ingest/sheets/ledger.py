"""Closed trades of a platform's file -> a run, with the curve that they tell and no other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest.numbers import Floats
from bt_lake.ingest.run import Run
from bt_lake.ingest.sheets.clock import Clock
from bt_lake.ingest.times import Micros
from bt_lake.metrics import NONE
from bt_lake.warehouse.errors import BadInput

DAY = 86_400_000_000
_FRIDAY = 1  # 1970-01-02; whole weeks after it are Fridays too
CURVE = {"curve": "closed trades"}
_MOST_DAYS = 200 * 366


@dataclass(slots=True)
class Ledger:
    """Columns of one length; times are those of the file's own clock, money is net."""

    entry_at: Micros
    exit_at: Micros
    pnl: Floats
    columns: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pnl)

    @property
    def closed(self) -> NDArray[np.bool_]:
        there: NDArray[np.bool_] = (self.exit_at != NONE) & ~np.isnan(self.pnl)
        return there

    def trades(self, clock: Clock) -> dict[str, Any]:
        """As a run takes them; a position that is still open has neither exit nor profit."""
        return {
            "entry_at": instants(clock.to_utc(self.entry_at)),
            "exit_at": instants(clock.to_utc(np.where(self.closed, self.exit_at, NONE))),
            "pnl": np.where(self.closed, self.pnl, np.nan),
            **self.columns,
        }

    def curve(
        self, clock: Clock, capital: float, first: int | None = None, last: int | None = None
    ) -> tuple[Floats, NDArray[Any]] | None:
        """The balance at the end of each day, from the first day of the test to its last.

        Saturdays and Sundays are days where something happened on one.
        """
        seen = np.concatenate([self.entry_at, self.exit_at])
        seen = seen[seen != NONE] // DAY
        days = [*seen, *(moment // DAY for moment in (first, last) if moment is not None)]
        if not days:
            return None
        calendar = np.arange(min(days), max(days) + 1)
        if len(calendar) > _MOST_DAYS:
            raise BadInput(f"its dates span {len(calendar):,} days, more than a test does")
        if not _weekend(seen).any():
            calendar = calendar[~_weekend(calendar)]
        if not len(calendar):
            return None
        closed = self.closed
        by_day = np.zeros(len(calendar))
        places = np.searchsorted(calendar, self.exit_at[closed] // DAY)
        np.add.at(by_day, places, self.pnl[closed])
        equity = np.round(capital + np.cumsum(by_day), 10)
        return equity, instants(clock.to_utc((calendar + 1) * DAY - 1_000_000))


def is_empty(column: Any) -> bool:
    """Whether a column says nothing of any trade."""
    if isinstance(column, np.ndarray):
        return bool(np.isnan(column).all())
    return all(value is None for value in column)


def _weekend(days: Micros) -> NDArray[np.bool_]:
    there: NDArray[np.bool_] = np.isin((days - _FRIDAY) % 7, (1, 2))
    return there


def instants(micros: Micros) -> NDArray[Any]:
    return np.where(micros == NONE, np.iinfo(np.int64).min, micros).view("datetime64[us]")


def check_sum(name: str, said: float | None, found: float, slack: float, place: str = "") -> None:
    """What the file's own summary says must be what its trades say."""
    if said is None or not abs(said - found) > slack + 1e-9 * abs(said):
        return
    at = f"{place}: " if place else ""
    raise BadInput(f"{at}{name} is {_shown(said)} there, and {_shown(found)} by its trades")


def check_running(
    name: str, totals: Floats, steps: Floats, slack: float, places: list[str], base: float = 0.0
) -> None:
    """A column of running totals must be the sum of the steps before, to the last row."""
    there = np.flatnonzero(~np.isnan(totals))
    before = np.concatenate([[base], totals[there][:-1]])
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(steps))])
    done = np.concatenate([[0], there[:-1] + 1]) if len(there) else there
    expected = before + sums[there + 1] - sums[done]
    wrong = np.flatnonzero(np.abs(totals[there] - expected) > slack)
    if len(wrong):
        row = wrong[0]
        check_sum(name, float(totals[there][row]), float(expected[row]), slack, places[there[row]])


def run_of(
    ledger: Ledger,
    clock: Clock,
    *,
    strategy: str | None,
    capital: float | None,
    first: int | None = None,
    last: int | None = None,
    config: dict[str, Any],
    **columns: Any,
) -> Run:
    curve = ledger.curve(clock, capital, first, last) if capital else None
    bounds = [first, last] if curve is None else [None, None]
    start, end = (
        None if at is None else instants(clock.to_utc(np.array([at])))[0].item() for at in bounds
    )
    return Run(
        strategy,
        equity=curve,
        trades=ledger.trades(clock),
        initial_capital=capital,
        time_zone=clock.zone,
        start_at=start,
        end_at=end,
        config={**(CURVE if curve is not None else {}), **config},
        **columns,
    )


def _shown(value: float) -> str:
    return f"{round(value, 6):,.6f}".rstrip("0").rstrip(".")
