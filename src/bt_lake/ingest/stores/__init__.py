"""Older stores of backtests, read as tables of runs."""

from __future__ import annotations

import os
from pathlib import Path

from bt_lake.ingest.stores.source import Source
from bt_lake.warehouse.errors import BadInput, UnknownName

KINDS = ("sqlite", "postgres", "zarr", "mlflow", "optuna", "wandb")
_WITH_TABLES = ("sqlite", "postgres")


def open_source(
    kind: str,
    where: str | os.PathLike[str],
    table: str | None = None,
    *,
    study: str | None = None,
) -> Source:
    """A store of one of the kinds; `where` is a file, a folder or a URL."""
    if study is not None and kind != "optuna":
        raise BadInput(f"a {kind} store has no studies to choose from")
    if table is not None and kind not in _WITH_TABLES:
        raise BadInput(f"a {kind} store has no tables to choose from")
    match kind:
        case "sqlite":
            from bt_lake.ingest.stores.sqlite import SqliteSource

            return SqliteSource(Path(where), table)
        case "postgres":
            from bt_lake.ingest.stores.postgres import PostgresSource

            return PostgresSource(str(where), table)
        case "zarr":
            from bt_lake.ingest.stores.zarr import ZarrSource

            return ZarrSource(Path(where))
        case "mlflow":
            from bt_lake.ingest.stores.mlflow import MlflowSource

            return MlflowSource(str(where))
        case "optuna":
            from bt_lake.ingest.stores.optuna import OptunaSource

            return OptunaSource(str(where), study)
        case "wandb":
            from bt_lake.ingest.stores.wandb import WandbSource

            return WandbSource(Path(where))
    raise UnknownName.near("kind of store", kind, KINDS)
