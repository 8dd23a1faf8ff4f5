"""A portfolio of runs: their daily returns as one curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.drawing.picture import Shown
from bt_lake.metrics import NONE, curve_metrics
from bt_lake.metrics.mixing import clusters, hierarchical, inverse_volatility, mixed, risk_shares
from bt_lake.metrics.periods import DAY
from bt_lake.metrics.segments import Floats, Ints
from bt_lake.queries.alike import Daily
from bt_lake.queries.heads import heads
from bt_lake.queries.reading import Reader
from bt_lake.queries.resolving import find, find_all
from bt_lake.queries.tracks import tracks
from bt_lake.queries.wholerows import Row, whole_rows
from bt_lake.warehouse.errors import BadInput, NotFound, UnknownName
from bt_lake.warehouse.forking import refuse_frames
from bt_lake.wording.metrics import full_name, metric_text
from bt_lake.wording.values import percent, ratio, share, short_id

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

    from bt_lake.drawing.picture import Picture

_WEIGHTS = {"equal": None, "inverse-vol": inverse_volatility, "hrp": hierarchical}
_REBALANCE = ("never", "monthly")
_FEWEST = 12  # days in common
CLUSTERED = 0.5
_SHOWN = ("total_return", "cagr", "volatility", "sharpe_ratio", "max_drawdown", "calmar_ratio")


@dataclass(frozen=True, repr=False)
class Portfolio(Shown):
    """`print` it, or take `.metrics`, `.frame()` (a row a run), `.equity()`, `.correlation`,
    `.plot()`."""

    rows: list[Row]
    days: Ints
    returns: Floats  # a row a day, a column a run
    weights: Floats
    way: str
    rebalance: str
    capital: float

    @cached_property
    def _mixed(self) -> tuple[Floats, Floats]:
        starts = np.array([0])
        if self.rebalance == "monthly":
            months = self.days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
            starts = np.flatnonzero(np.diff(months, prepend=months[0] - 1))
        return mixed(self.returns, self.weights, starts)

    @property
    def level(self) -> Floats:
        return self.capital * self._mixed[0]

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Those of a run's curve."""
        one = np.array([0, self.days.size])
        nothing = np.array([np.nan])
        found = curve_metrics(self.days * DAY, self.level, one, np.array([self.capital]), nothing)
        return {
            name: None if value[0] == NONE or value[0] != value[0] else value[0].item()
            for name, value in found.items()
        }

    @property
    def correlation(self) -> Floats:
        """Of daily returns, those of a day without a point being 0."""
        return np.asarray(np.corrcoef(self.returns.T)).reshape(len(self.rows), -1)

    @cached_property
    def clusters(self) -> list[list[int]]:
        """Places of runs whose daily returns correlate by 0.5 or more on average."""
        return clusters(self.returns, CLUSTERED)

    def frame(self) -> pl.DataFrame:
        """run_id, cluster, weight, its share of the risk, and its own return over these days."""
        refuse_frames()
        import polars as pl

        whole = np.prod(1.0 + self.returns, axis=0) - 1.0
        of = {place: n for n, group in enumerate(self.clusters, 1) for place in group}
        return pl.DataFrame(
            {
                "run_id": [row["run_id"] for row in self.rows],
                "cluster": [of[place] for place in range(len(self.rows))],
                "weight": self.weights,
                "risk": risk_shares(self._mixed[1]),
                "total_return": whole,
            }
        ).with_columns(pl.col("risk").fill_nan(None))

    def equity(self) -> pl.DataFrame:
        """ts and equity, a row a day."""
        refuse_frames()
        import polars as pl

        ts = pl.Series("ts", self.days * DAY).cast(pl.Datetime("us", "UTC"))
        return pl.DataFrame([ts, pl.Series("equity", self.level)])

    def plot(self) -> Picture:
        """The mix and its parts: `.save("mix.svg")`; notebooks show it."""
        from bt_lake.queries.pictures import portfolio_picture

        return portfolio_picture(self)

    @property
    def document(self) -> dict[str, Any]:
        """What `lake.save` takes: the curve, and in `config` of what it was made."""
        made = dict(zip((r["run_id"] for r in self.rows), self.weights.tolist(), strict=True))
        return {
            "equity": self.equity(),
            "initial_capital": self.capital,
            "params": {"weights": self.way, "rebalance": self.rebalance},
            "config": {"portfolio": made},
            "engine": "bt-lake",
        }

    def __repr__(self) -> str:
        heads_of = heads(self.rows)
        frame = self.frame()
        left = max(map(len, [*heads_of, "the mix"]))
        lines = [f"{len(self.rows)} runs, {self.words}", ""]
        lines.append(f"{'':<{left}}{'weight':>9}{'risk':>9}{'return':>10}")
        for name, (*_, weight, risk, whole) in zip(heads_of, frame.rows(), strict=True):
            added = "-" if risk is None else share(risk)
            shown = f"{share(weight):>9}{added:>9}"
            lines.append(f"{name:<{left}}{shown}{percent(whole):>10}")
        lines.append("")
        for name in _SHOWN:
            if self.metrics[name] is not None:
                lines.append(f"{full_name(name):<{left}}{metric_text(name)(self.metrics[name]):>9}")
        alike = self.correlation[np.triu_indices(len(self.rows), 1)]
        lines.append(f"{'correlation':<{left}}{ratio(float(alike.mean())):>9} on average")
        if any(len(group) > 1 for group in self.clusters):
            told = "; ".join(", ".join(heads_of[n] for n in group) for group in self.clusters)
            lines += ["", f"alike by {CLUSTERED:g} or more on average: {told}"]
        return "\n".join(lines)

    @property
    def words(self) -> str:
        told = {
            "equal": "equal weights",
            "inverse-vol": "weights by inverse volatility of these same days",
            "hrp": "weights by hierarchical risk parity on these same days",
        }
        often = "never rebalanced" if self.rebalance == "never" else "rebalanced each month"
        return f"{self.days.size:,} days, {told.get(self.way, 'weights as given')}, {often}"

    def _repr_html_(self) -> str:
        return self.plot()._repr_html_()


def portfolio(
    reader: Reader,
    runs: Sequence[str],
    weights: str | Mapping[str, float],
    rebalance: str,
    capital: float,
) -> Portfolio:
    if isinstance(weights, str) and weights not in _WEIGHTS:
        raise UnknownName.near("weights", weights, _WEIGHTS, f" There are {', '.join(_WEIGHTS)}.")
    if rebalance not in _REBALANCE:
        hint = f" There are {', '.join(_REBALANCE)}."
        raise UnknownName.near("rebalancing", rebalance, _REBALANCE, hint)
    if not capital > 0:
        raise BadInput(f"capital is what the portfolio begins with, above 0, not {capital}")

    def question(connection: DuckDBPyConnection) -> tuple[list[Row], dict[str, float]]:
        ids = list(dict.fromkeys(find_all(connection, runs)))
        given = weights if isinstance(weights, Mapping) else {}
        named: dict[str, float] = {}
        for name, value in given.items():
            run_id = find(connection, name)
            if run_id in named:
                raise BadInput(f"weights: run {short_id(run_id)} has two weights")
            named[run_id] = float(value)
        return whole_rows(connection, ids), named

    rows, named = reader.ask(question)
    if len(rows) < 2:
        raise BadInput("a portfolio is of two different runs or more")
    days, returns = _aligned([Daily.of(track) for track in tracks(reader, rows)])
    ids = [row["run_id"] for row in rows]
    if isinstance(weights, str):
        make = _WEIGHTS[weights]
        if make is not None and not (np.ptp(returns, axis=0) > 0).all():
            still = ids[int(np.argmin(np.ptp(returns, axis=0)))]
            name = f"run {short_id(still)}"
            raise BadInput(f"{name} does not move: give equal weights, or leave it out")
        found = np.full(len(ids), 1.0 / len(ids)) if make is None else make(returns)
    else:
        found = _given(ids, named)
    way = weights if isinstance(weights, str) else "given"
    return Portfolio(rows, days, returns, found, way, rebalance, capital)


def _given(ids: Sequence[str], named: Mapping[str, float]) -> Floats:
    """Weights by run, which must be those of the portfolio; they are made to sum to 1."""
    if set(named) != set(ids):
        other = next(iter(set(named) ^ set(ids)))
        raise BadInput(f"weights: give one for each run and no other; see {short_id(other)}")
    found = np.array([named[run_id] for run_id in ids])
    if not (found >= 0).all() or not found.sum() > 0 or not np.isfinite(found).all():
        raise BadInput("weights are 0 or more, and not all 0")
    whole = float(found.sum())  # what was made to sum to 1 stays to the last bit
    return found if abs(whole - 1.0) < 1e-12 else np.asarray(found / whole)


def _aligned(parts: Sequence[Daily]) -> tuple[Ints, Floats]:
    """The days from when all have begun until the first ends; a run that has no point on one
    stands still."""
    for part in parts:
        if not part.days.size:
            raise NotFound(f"run {short_id(part.run_id)} has no equity curve of two days or more")
    first, last = max(p.days[0] for p in parts), min(p.days[-1] for p in parts)
    days = np.unique(np.concatenate([part.days for part in parts]))
    days = days[(days >= first) & (days <= last)]
    if days.size < _FEWEST:
        raise BadInput(f"these runs have {days.size} days in common; a portfolio needs {_FEWEST}")
    returns = np.zeros((days.size, len(parts)))
    for column, part in enumerate(parts):
        inside = (part.days >= first) & (part.days <= last)
        returns[np.searchsorted(days, part.days[inside]), column] = part.r[inside]
    return days, returns
