"""Families of trials with known returns, and the ground truth of the sweep."""

from __future__ import annotations

import csv
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from bt_lake.lake import Lake
from bt_lake.overfit.align import Curves
from bt_lake.overfit.arrays import Floats
from bt_lake.overfit.family import Family

TRUTH = Path(__file__).parent / "data" / "truth"
DAY = 86_400_000_000


def expected(name: str) -> Any:
    return json.loads((TRUTH / "expected" / f"{name}.json").read_text())


def sweep_returns() -> Floats:
    """200 trials of 1,000 daily returns, stored as whole hundred-thousandths."""
    parts = [pq.read_table(TRUTH / "sweep" / f"sweep_noise_{i}.parquet") for i in range(3)]
    columns = [part[name].to_numpy() for part in parts for name in part.column_names[1:]]
    return np.column_stack(columns) / 1e5


def sweep_params() -> list[dict[str, Any]]:
    with (TRUTH / "sweep" / "params.csv").open() as file:
        return [
            {"family": row["family"], "p1": int(row["p1"]), "p2": int(row["p2"])}
            for row in csv.DictReader(file)
        ]


def moments(returns: Floats) -> dict[str, Floats]:
    """Sharpe per period (ddof 1), biased skew and kurtosis of each column; NaN where constant."""
    centred = returns - returns.mean(axis=0)
    flat = np.ptp(returns, axis=0) <= 1e-15
    with np.errstate(divide="ignore", invalid="ignore"):
        z = centred / returns.std(axis=0)
        sharpe = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
    values = {"sharpe_period": sharpe, "skew": (z**3).mean(axis=0), "kurtosis": (z**4).mean(axis=0)}
    return {name: np.where(flat, np.nan, value) for name, value in values.items()}


def family(
    returns: Floats,
    *,
    params: Sequence[Mapping[str, Any] | None] | None = None,
    failed: int = 0,
    capital: float = 100_000.0,
    ids: Sequence[str] | None = None,
) -> Family:
    """One trial a column, on daily dates with a base before the first, then `failed` ones."""
    rows, trials = returns.shape
    total = trials + failed
    lost = np.full(failed, np.nan)
    equity = capital * np.cumprod(1.0 + returns, axis=0)
    return Family(
        ids=list(ids) if ids else [f"t{i:03}" for i in range(total)],
        **{name: np.concatenate([value, lost]) for name, value in moments(returns).items()},
        n_returns=np.concatenate([np.full(trials, float(rows)), lost]),
        periods_per_year=np.concatenate([np.full(trials, 252.0), lost]),
        failed=np.arange(total) >= trials,
        deleted=np.zeros(total, bool),
        params=[*(params or [None] * trials), *([None] * failed)],
        curves=Curves(
            ts=np.tile(np.arange(rows) * DAY, trials),
            equity=equity.T.reshape(-1),
            offsets=np.minimum(np.arange(total + 1), trials) * rows,
            base=np.concatenate([np.full(trials, capital), lost]),
        ),
    )


def seeded() -> np.random.Generator:
    """A generator with a new seed each time, printed so that a failure can be repeated."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return np.random.default_rng(seed)


def noise_of(rng: np.random.Generator, rows: int = 120, trials: int = 12) -> Floats:
    return rng.normal(0.0, 0.01, size=(rows, trials))


def document(returns: Floats, *, capital: float = 100_000.0, **columns: Any) -> dict[str, Any]:
    """A run document whose curve has these daily returns."""
    equity = capital * np.cumprod(1.0 + returns)
    ts = np.datetime64("2020-01-01", "us") + np.arange(returns.size) * np.timedelta64(1, "D")
    whole = {"strategy": "s", "initial_capital": capital, "periods_per_year": 252, **columns}
    return {**whole, "equity": {"ts": ts, "equity": equity}}


def save_returns(
    lake: Lake,
    returns: Floats,
    *,
    params: Sequence[Mapping[str, Any]] | None = None,
    order: Sequence[int] | None = None,
    failed: int = 0,
    capital: float = 100_000.0,
    **columns: Any,
) -> list[str]:
    """One run a column, named t000, t001, ...; then `failed` ones."""
    ids = [f"t{i:03}" for i in range(returns.shape[1])]
    with lake.batch() as batch:
        for i in order if order is not None else range(len(ids)):
            own = {"params": params[i]} if params else {}
            batch.save(document(returns[:, i], capital=capital, run_id=ids[i], **own, **columns))
        for place in range(failed):
            batch.save(strategy="s", error=failure(place))
    return ids


def save_moments(
    lake: Lake,
    sharpe: Sequence[float],
    *,
    n: int,
    skew: float = 0.0,
    kurtosis: float = 3.0,
    failed: int = 0,
    periods_per_year: float | None = 252,
) -> None:
    """Runs that only report their moments, then `failed` ones."""
    with lake.batch() as batch:
        for place, ratio in enumerate(sharpe):
            own = {"sharpe_period": ratio, "n_returns": n, "skew": skew, "kurtosis": kurtosis}
            batch.save(
                strategy="s",
                metrics=own,
                params={"place": place},
                periods_per_year=periods_per_year,
            )
        for place in range(failed):
            batch.save(strategy="s", error=failure(place))


def failure(place: int) -> str:
    """An error of its own: those that fail alike are no tries."""
    return "no data for " + str(place).translate(str.maketrans("0123456789", "abcdefghij"))
