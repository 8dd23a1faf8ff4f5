"""MLflow on its SQLite tracking store: metrics, params, tags; curve and trades as artifacts."""

from __future__ import annotations

import os
from pathlib import Path

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import mlflow
import pandas as pd
from mlflow.entities import Metric, Param, RunTag
from work import DAYS, Run


class Store:
    PACKAGES = ("mlflow",)
    TOLERANCE = 1e-9

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        found = self.client.get_experiment_by_name("runs")
        self.experiment = (
            found.experiment_id
            if found
            else self.client.create_experiment("runs", (folder / "artifacts").as_uri())
        )

    def save(self, run: Run) -> str:
        name = self.client.create_run(self.experiment).info.run_id
        labels = {"strategy": run["strategy"], "symbol": run["symbol"]}
        self.client.log_batch(
            name,
            metrics=[Metric(key, value, 0, 0) for key, value in run["metrics"].items()],
            params=[Param(key, str(value)) for key, value in run["params"].items()],
            tags=[RunTag(key, value) for key, value in labels.items()],
        )
        equity = pd.DataFrame({"ts": DAYS, "equity": run["equity"]})
        self.client.log_table(name, pd.DataFrame(run["trades"]), "trades.parquet")
        self.client.log_table(name, equity, "equity.parquet")
        self.client.set_terminated(name)
        return name

    def save_many(self, runs: list[Run]) -> list[str]:
        return [self.save(run) for run in runs]

    def best(self, n: int) -> list[str]:
        found = self.client.search_runs(
            [self.experiment], order_by=["metrics.sharpe_ratio DESC"], max_results=n
        )
        return [run.info.run_id for run in found]

    def mean_by_strategy(self) -> dict[str, float]:
        frame = mlflow.search_runs([self.experiment], max_results=100_000)
        means = frame.groupby("tags.strategy")["metrics.sharpe_ratio"].mean()
        return {str(strategy): float(mean) for strategy, mean in means.items()}

    def with_fast(self, value: int) -> list[str]:
        frame = mlflow.search_runs(
            [self.experiment], filter_string=f"params.fast = '{value}'", max_results=100_000
        )
        return list(frame["run_id"])

    def curve(self, name: str) -> list[float]:
        path = mlflow.artifacts.download_artifacts(run_id=name, artifact_path="equity.parquet")
        return pd.read_parquet(path)["equity"].tolist()
