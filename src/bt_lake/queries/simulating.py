"""Monte Carlo of a run: how it might have gone with the same trades or returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bt_lake.drawing.picture import Shown
from bt_lake.metrics.paths import How, Paths, paths
from bt_lake.metrics.segments import Floats
from bt_lake.queries.curves import trades
from bt_lake.queries.reading import Reader
from bt_lake.queries.resolving import find
from bt_lake.queries.rows import positive
from bt_lake.queries.tracks import tracks
from bt_lake.queries.wholerows import Row, whole_rows
from bt_lake.warehouse.errors import BadInput, NotFound, UnknownName
from bt_lake.warehouse.forking import refuse_frames
from bt_lake.wording.values import percent, short_id

if TYPE_CHECKING:
    import polars as pl

    from bt_lake.drawing.picture import Picture

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_WAYS = {"trades": ("shuffle", "resample"), "returns": ("blocks", "resample", "shuffle")}


@dataclass(frozen=True, repr=False)
class Simulation(Shown):
    """`print` it, or take `.quantiles()`, `.bands()`, `.ruin`, `.plot()`."""

    run_id: str
    of: Literal["trades", "returns"]
    how: How
    gains: Floats
    paths: Paths
    seed: int
    block: float | None
    limit: float  # the share of the start whose loss is ruin

    @property
    def ruin(self) -> float:
        """The share of paths that lost so much of the start at any time."""
        return float((self.paths.lowest <= 1.0 - self.limit).mean())

    @property
    def actual(self) -> tuple[float, float]:
        """What these gains made in their own order: total return and deepest fall."""
        whole = np.concatenate([[1.0], np.cumprod(np.maximum(1.0 + self.gains, 0.0))])
        return float(whole[-1] - 1.0), float((whole / np.maximum.accumulate(whole)).min() - 1.0)

    def quantiles(self) -> pl.DataFrame:
        """quantity, the quantiles, `actual`, and `worse`: the share of paths worse than that."""
        refuse_frames()
        import polars as pl

        rows = [(name, *found) for name, *found in self._rows()]
        names = ["quantity", *(f"q{round(q * 100):02}" for q in QUANTILES), "actual", "worse"]
        return pl.DataFrame(rows, schema=names, orient="row")

    def _rows(self) -> list[tuple[Any, ...]]:
        found = []
        values = (("total_return", self.paths.final - 1.0), ("max_drawdown", self.paths.drawdown))
        for (name, each), actual in zip(values, self.actual, strict=True):
            cuts = np.quantile(each, QUANTILES).tolist()
            worse = float((each < actual - 1e-12).mean())
            found.append((name, *cuts, actual, worse))
        return found

    def bands(self) -> pl.DataFrame:
        """step (so many gains in) and the quantiles of the growth from 1 there."""
        refuse_frames()
        import polars as pl

        cuts = np.quantile(self.paths.growth, QUANTILES, axis=0)
        names = [f"q{round(q * 100):02}" for q in QUANTILES]
        return pl.DataFrame({"step": self.paths.steps, **dict(zip(names, cuts, strict=True))})

    def plot(self) -> Picture:
        """The bands with what the run did: `.save("paths.svg")`; notebooks show it."""
        from bt_lake.queries.pictures import simulation_picture

        return simulation_picture(self)

    @property
    def words(self) -> str:
        told = {
            "shuffle": f"its {self.gains.size:,} {self.of} in another order",
            "resample": f"{self.gains.size:,} {self.of} drawn from its own",
            "blocks": f"{self.gains.size:,} {self.of} drawn in blocks of {self.block or 0:.0f}",
        }
        return f"{self.paths.final.size:,} paths of {told[self.how]}, seed {self.seed}"

    def __repr__(self) -> str:
        lines = [f"run {short_id(self.run_id)}: {self.words}", ""]
        heads = [*(f"{q:.0%}" for q in QUANTILES), "actual", "worse"]
        lines.append(" " * 14 + "".join(f"{head:>9}" for head in heads))
        for name, *values, worse in self._rows():
            shown = "".join(f"{percent(v):>9}" for v in values)
            lines.append(f"{name.replace('_', ' '):<14}{shown}{worse:>9.0%}")
        lines += ["", f"{self.ruin:.1%} of the paths lost {self.limit:.0%} of the start or more."]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.plot()._repr_html_()


def simulate(
    reader: Reader,
    run: str,
    *,
    of: str,
    how: str | None,
    n: int,
    seed: int,
    block: float | None,
    ruin: float,
) -> Simulation:
    if of not in _WAYS:
        raise UnknownName.near("source of paths", of, _WAYS, f" There are {', '.join(_WAYS)}.")
    way = how or _WAYS[of][0]
    if way not in _WAYS[of]:
        raise UnknownName.near("way", way, _WAYS[of], f" Of {of} there are {', '.join(_WAYS[of])}.")
    if not 0 < ruin <= 1:
        raise BadInput(f"ruin is the share of the start that is lost, above 0 up to 1, not {ruin}")
    if block is not None and not block >= 1:
        raise BadInput(f"block is a mean length of 1 or more, not {block}")
    row = reader.ask(lambda connection: whole_rows(connection, [find(connection, run)]))[0]
    gains = _of_trades(reader, row) if of == "trades" else tracks(reader, [row])[0].returns.r
    if gains.size < 2:
        raise NotFound(f"run {short_id(row['run_id'])} has {gains.size} {of}: too few to draw from")
    length = (block or max(1.0, gains.size ** (1 / 3))) if way == "blocks" else None
    made = paths(gains, way, positive("n", n), seed, length or 1.0)  # type: ignore[arg-type]
    return Simulation(row["run_id"], of, way, gains, made, seed, length, ruin)  # type: ignore[arg-type]


def _of_trades(reader: Reader, row: Row) -> Floats:
    """The profit of each closed trade as a share of what the account was before it."""
    name, capital = f"run {short_id(row['run_id'])}", row["initial_capital"]
    frame = trades(reader, [row["run_id"]]).frame().drop_nulls("exit_at")
    frame = frame.sort("exit_at", "trade_no")
    if frame.height and frame["pnl"].null_count():
        raise BadInput(f"{name} has trades without a profit: take its returns")
    pnl = frame["pnl"].to_numpy().astype(np.float64)
    if pnl.size and not (capital is not None and capital > 0):
        raise BadInput(f"{name} has no initial capital that trades add to: take its returns")
    before = np.concatenate([[0.0], np.cumsum(pnl)[:-1]]) + (capital or 0.0) if pnl.size else pnl
    gone = np.flatnonzero(before <= 0)
    return (pnl / before)[: gone[0]] if gone.size else pnl / before
