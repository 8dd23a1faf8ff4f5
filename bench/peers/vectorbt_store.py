"""vectorbt's own store: Portfolio.save, one pickle for a run, or one for a whole sweep.

Its metrics are computed from the orders when asked for, and cannot be taken from elsewhere: the
orders here buy one unit of an asset whose price is the curve, so that its Sharpe ratio is the same.
"""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import vectorbt as vbt
from work import DAYS, Run

INDEX = pd.DatetimeIndex([day.replace(tzinfo=None) for day in DAYS])
LEVELS = ["run_id", "strategy", "symbol", "fast", "slow"]


class Store:
    PACKAGES = ("vectorbt",)
    TOLERANCE = 2e-2

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder

    def save(self, run: Run) -> str:
        return self.save_many([run])[0]

    def save_many(self, runs: list[Run]) -> list[str]:
        names = [uuid4().hex for _ in runs]
        keys = [
            (name, run["strategy"], run["symbol"], run["params"]["fast"], run["params"]["slow"])
            for name, run in zip(names, runs, strict=True)
        ]
        prices = pd.DataFrame(
            np.column_stack([run["equity"] for run in runs]),
            index=INDEX,
            columns=pd.MultiIndex.from_tuples(keys, names=LEVELS),
        )
        portfolio = vbt.Portfolio.from_holding(prices, init_cash=100_000.0, freq="1D")
        portfolio.save(self.folder / f"{names[0]}.pickle")
        return names

    def _all(self) -> list[vbt.Portfolio]:
        return [vbt.Portfolio.load(path) for path in self.folder.glob("*.pickle")]

    def _sharpes(self) -> pd.Series:
        return pd.concat(
            [portfolio.sharpe_ratio(freq="1D", year_freq="252D") for portfolio in self._all()]
        )

    def best(self, n: int) -> list[str]:
        return list(self._sharpes().nlargest(n).index.get_level_values("run_id"))

    def mean_by_strategy(self) -> dict[str, float]:
        return self._sharpes().groupby(level="strategy").mean().to_dict()

    def with_fast(self, value: int) -> list[str]:
        names = self._sharpes().index
        return list(names[names.get_level_values("fast") == value].get_level_values("run_id"))

    def curve(self, name: str) -> list[float]:
        portfolio = next(
            p for p in self._all() if name in p.wrapper.columns.get_level_values("run_id")
        )
        return portfolio.value().xs(name, axis=1, level="run_id").iloc[:, 0].tolist()
