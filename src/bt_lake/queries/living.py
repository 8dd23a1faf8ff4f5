"""A live run beside its backtest: what so short a time may show, and what it showed."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.metrics.more import sharpes_and_falls, stretches
from bt_lake.metrics.periods import DAY
from bt_lake.metrics.segments import Floats
from bt_lake.metrics.twosamples import kolmogorov_smirnov
from bt_lake.queries.curves import trades
from bt_lake.queries.reading import Reader
from bt_lake.queries.resolving import find
from bt_lake.queries.rows import positive
from bt_lake.queries.tracks import Track, tracks
from bt_lake.queries.wholerows import whole_rows
from bt_lake.warehouse.errors import BadInput, NotFound
from bt_lake.warehouse.forking import refuse_frames
from bt_lake.wording.values import percent, ratio, short_id

if TYPE_CHECKING:
    import polars as pl

_QUANTILES = (0.025, 0.5, 0.975)
_FEWEST = 12  # returns, of either
_RARE = 0.025
_NAMES = {"sharpe_ratio": ratio, "max_drawdown": percent}


@dataclass(frozen=True, slots=True)
class Slippage:
    """Trades of both that were entered in one direction at about one time.

    `cost` of a pair is what entry and exit were worse by, as fractions of the backtest's prices.
    """

    live: int
    backtest: int  # of the same time
    cost: Floats


@dataclass(frozen=True, repr=False)
class Lived:
    """`print` it, or take `.frame()`, `.words`, `.distance` and `.p_same` (Kolmogorov and Smirnov),
    `.slippage`."""

    run_id: str
    against: str
    returns: int
    drawn: dict[str, Floats]  # of stretches of the backtest as long as the live run
    actual: dict[str, float]
    distance: float
    p_same: float
    slippage: Slippage
    since: bool  # whether only returns before the live run count
    seed: int

    def below(self, name: str) -> float:
        """The share of stretches that did no better."""
        known = self.drawn[name][np.isfinite(self.drawn[name])]
        return float(np.mean(known <= self.actual[name])) if known.size else np.nan

    def frame(self) -> pl.DataFrame:
        """quantity, low, median, high (95 % of the stretches lie between), actual, below."""
        refuse_frames()
        import polars as pl

        names = ["quantity", "low", "median", "high", "actual", "below"]
        return pl.DataFrame(self.rows(), schema=names, orient="row").fill_nan(None)

    def rows(self) -> list[tuple[Any, ...]]:
        found = []
        for name in _NAMES:
            known = self.drawn[name][np.isfinite(self.drawn[name])]
            cuts = np.quantile(known, _QUANTILES).tolist() if known.size else [np.nan] * 3
            found.append((name, *cuts, self.actual[name], self.below(name)))
        return found

    @property
    def words(self) -> str:
        """One sentence, which says no more than the Sharpe ratio does."""
        (_, low, _, high, actual, below), _ = self.rows()
        if not np.isfinite(below):
            return "Its returns do not vary: there is no Sharpe ratio to compare."
        said = (
            f"In {self.returns:,} returns the live run showed a Sharpe ratio of {actual:.2f}; of "
            f"stretches as long drawn from the backtest, 95 in 100 show {low:.2f} to {high:.2f}"
        )
        if below < _RARE:
            return f"{said}: it does worse than its backtest led to expect."
        if below > 1 - _RARE:
            return f"{said}: it does better than its backtest led to expect."
        return f"{said}: this tells no difference between the two."

    def __repr__(self) -> str:
        basis = "before the live run began" if self.since else "of its whole time"
        runs = f"live run {short_id(self.run_id)} against {short_id(self.against)}"
        lines = [
            f"{runs}, its returns {basis}",
            "",
            f"{'':<14}{'low':>9}{'median':>9}{'high':>9}{'lived':>9}{'no better':>11}",
        ]
        for name, *values, below in self.rows():
            shown = "".join(f"{_shown(name, value):>9}" for value in values)
            share = "-" if below != below else f"{below:.1%}"
            lines.append(f"{name.replace('_', ' '):<14}{shown}{share:>11}")
        lines += [
            "",
            f"Returns: {self.distance:.3f} apart at most (Kolmogorov and Smirnov), "
            f"p {self.p_same:.3f} as if each stood alone.",
            self._slipped(),
            "",
            *textwrap.wrap(self.words, 80),
        ]
        return "\n".join(lines)

    def _slipped(self) -> str:
        slip = self.slippage
        if not slip.live or not slip.backtest:
            return "Trades: none of the same time to match."
        said = f"Trades: {slip.cost.size:,} of {slip.live:,} match one of the backtest"
        priced = slip.cost[np.isfinite(slip.cost)]
        if not priced.size:
            return f"{said}."
        mean, middle = (percent(float(f(priced)), digits=3) for f in (np.mean, np.median))
        return f"{said}; slippage {mean} of the price a trade, median {middle}."


def _shown(name: str, value: float) -> str:
    return "-" if value != value else _NAMES[name](value)


def lived(reader: Reader, run: str, against: str, n: int, seed: int) -> Lived:
    positive("n", n)
    ids = reader.ask(lambda connection: [find(connection, each) for each in (run, against)])
    if ids[0] == ids[1]:
        raise BadInput("live: a run against itself tells nothing; name its backtest")
    rows = reader.ask(lambda connection: whole_rows(connection, ids))
    live, backtest = tracks(reader, rows)
    for track in (live, backtest):
        if track.returns.r.size < _FEWEST:
            raise NotFound(
                f"run {short_id(track.run_id)} has {track.returns.r.size} returns: "
                f"{_FEWEST} or more can be compared"
            )
    year, theirs = live.periods_per_year, backtest.periods_per_year
    if not 0.8 < year / theirs < 1.25:
        raise BadInput(
            f"the live run has {year:,.0f} returns a year and the backtest {theirs:,.0f}: "
            "save one of them in the steps of the other"
        )
    pool = backtest.returns.r[backtest.returns.ts <= live.ts[0]]
    since = pool.size >= max(_FEWEST, live.returns.r.size)
    if not since:
        pool = backtest.returns.r
    sharpe, fall = stretches(pool, n, seed, live.returns.r.size)
    own, lowest = (float(each[0]) for each in sharpes_and_falls(live.returns.r[None, :]))
    scale = np.sqrt(year)
    distance, p = kolmogorov_smirnov(live.returns.r, pool)
    return Lived(
        live.run_id,
        backtest.run_id,
        live.returns.r.size,
        {"sharpe_ratio": sharpe * scale, "max_drawdown": fall},
        {"sharpe_ratio": own * scale, "max_drawdown": lowest},
        distance,
        p,
        _slippage(reader, live, backtest, {row["run_id"]: row["symbol"] for row in rows}),
        since,
        seed,
    )


def _slippage(
    reader: Reader, live: Track, backtest: Track, symbols: Mapping[str, str | None]
) -> Slippage:
    """Each live trade, in the order of entry, with the nearest of the backtest that is still free:
    of the same symbol (its own, else its run's; one that nobody told is any) and side, entered less
    than a step of its curve away."""
    import polars as pl

    frame = trades(reader, [live.run_id, backtest.run_id]).frame().drop_nulls("entry_at")
    frame = frame.with_columns(at=pl.col("entry_at").dt.epoch("us")).sort("at", "trade_no")
    ours = frame.filter(run_id=live.run_id).to_dicts()
    step = max(int(np.median(np.diff(backtest.ts))), DAY // 24 // 60)
    begin, end = int(live.ts[0]) - step, int(live.ts[-1]) + step
    theirs = frame.filter(
        (pl.col("run_id") == backtest.run_id) & pl.col("at").is_between(begin, end)
    ).to_dicts()
    free, costs = list(theirs), []

    def symbol(each: dict[str, Any]) -> str | None:
        return each["symbol"] or symbols[each["run_id"]]

    for one in ours:
        near = [
            other
            for other in free
            if other["side"] == one["side"]
            and len({each["symbol"] or symbols[each["run_id"]] for each in (one, other)} - {None})
            < 2
            and abs(other["at"] - one["at"]) < step
        ]
        if near:
            match = min(near, key=lambda other: abs(other["at"] - one["at"]))
            free.remove(match)
            costs.append(_cost(one, match))
    return Slippage(len(ours), len(theirs), np.array(costs, np.float64))


def _cost(one: dict[str, Any], other: dict[str, Any]) -> float:
    """What entry and exit of a trade were worse by; NaN where a price is missing."""
    prices = [each[name] for name in ("entry_price", "exit_price") for each in (one, other)]
    if any(price is None or price <= 0 for price in prices):
        return np.nan
    entry, entry_told, exit, exit_told = prices
    side = -1.0 if one["side"] == "short" else 1.0
    return float(side * ((entry / entry_told - 1.0) - (exit / exit_told - 1.0)))
