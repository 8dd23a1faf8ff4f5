"""ArcticDB on LMDB: a symbol for each curve and each trade list, and one for the table of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import arcticdb
import pandas as pd
from work import DAYS, Run

INDEX = pd.DatetimeIndex([day.replace(tzinfo=None) for day in DAYS])
COMPACT_AT = 1000


class Store:
    PACKAGES = ("arcticdb",)
    TOLERANCE = 1e-9

    def __init__(self, folder: Path) -> None:
        arctic = arcticdb.Arctic(f"lmdb://{folder}?map_size=8GB")
        self.library = arctic.get_library("runs", create_if_missing=True)

    def save(self, run: Run) -> str:
        return self._save([run])[0]

    def save_many(self, runs: list[Run]) -> list[str]:
        starts = range(0, len(runs), COMPACT_AT)
        return [n for start in starts for n in self._save(runs[start : start + COMPACT_AT])]

    def _save(self, runs: list[Run]) -> list[str]:
        names = [uuid4().hex for _ in runs]
        payloads = []
        for name, run in zip(names, runs, strict=True):
            equity = pd.DataFrame({"equity": run["equity"]}, index=INDEX)
            payloads.append(arcticdb.WritePayload(f"equity/{name}", equity))
            payloads.append(arcticdb.WritePayload(f"trades/{name}", pd.DataFrame(run["trades"])))
        self.library.write_batch(payloads)
        rows = pd.DataFrame([row(name, run) for name, run in zip(names, runs, strict=True)])
        self.library.append("runs", rows, prune_previous_versions=True)
        return names

    def best(self, n: int) -> list[str]:
        frame = self.library.read("runs", columns=["run_id", "sharpe_ratio"]).data
        ids = frame.nlargest(n, "sharpe_ratio")["run_id"].tolist()
        query = arcticdb.QueryBuilder()
        whole = self.library.read("runs", query_builder=query[query["run_id"].isin(ids)]).data
        return whole.sort_values("sharpe_ratio", ascending=False)["run_id"].tolist()

    def mean_by_strategy(self) -> dict[str, float]:
        query = arcticdb.QueryBuilder()
        query = query.groupby("strategy").agg({"sharpe_ratio": "mean"})
        return self.library.read("runs", query_builder=query).data["sharpe_ratio"].to_dict()

    def with_fast(self, value: int) -> list[str]:
        query = arcticdb.QueryBuilder()
        query = query[query["param_fast"] == value]
        found = self.library.read("runs", query_builder=query, columns=["run_id"])
        return found.data["run_id"].tolist()

    def curve(self, name: str) -> list[float]:
        return self.library.read(f"equity/{name}").data["equity"].tolist()


def row(name: str, run: Run) -> dict[str, Any]:
    params = {f"param_{key}": value for key, value in run["params"].items()}
    labels = {"run_id": name, "strategy": run["strategy"], "symbol": run["symbol"]}
    return {**labels, **params, **run["metrics"]}
