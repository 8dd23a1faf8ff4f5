"""bt-lake: the metrics are computed from the curve and the trades, not taken from the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from work import DAYS, Run

import bt_lake


class Store:
    PACKAGES = ("bt-lake", "duckdb")
    TOLERANCE = 1e-9

    def __init__(self, folder: Path) -> None:
        self.lake = bt_lake.open(folder)

    def save(self, run: Run) -> str:
        return self.lake.save(document(run))

    def save_many(self, runs: list[Run]) -> list[str]:
        with self.lake.batch() as batch:
            names = [batch.save(document(run)) for run in runs]
        self.lake.compact(grace_s=0)
        return names

    def best(self, n: int) -> list[str]:
        return self.lake.best("sharpe_ratio", n)["run_id"].to_list()

    def mean_by_strategy(self) -> dict[str, float]:
        frame = self.lake.aggregate("strategy", "sharpe_ratio")
        return dict(zip(frame["strategy"], frame["mean"], strict=True))

    def with_fast(self, value: int) -> list[str]:
        return self.lake.runs(params={"fast": value}, columns=["run_id"])["run_id"].to_list()

    def curve(self, name: str) -> list[float]:
        return self.lake.equity(name)["equity"].to_list()


def document(run: Run) -> dict[str, Any]:
    curve = {"ts": DAYS, "equity": run["equity"]}
    return {**run, "equity": curve, "periods_per_year": 252, "timeframe": "1d"}
