"""MLflow tracking stores: a SQLite file, or a folder `mlruns`. MLflow itself is not needed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bt_lake.ingest.stores.mlruns import Folder, has_experiments
from bt_lake.ingest.stores.report import Lost
from bt_lake.ingest.stores.source import Dialect, Rows
from bt_lake.ingest.stores.sqlite import connect, readable
from bt_lake.ingest.stores.steps import EQUITY, Step
from bt_lake.ingest.stores.tracked import Tracked
from bt_lake.warehouse.errors import BadInput, NotFound

_RUNS_AT_ONCE = 1_000
_TABLES = {"runs", "experiments", "metrics", "latest_metrics", "params", "tags"}
_RUNS = """
select r.*, e.name as experiment
from runs r left join experiments e using (experiment_id)
where r.run_uuid > ? order by r.run_uuid limit ?
"""
_BESIDE = {
    "metrics": "select run_uuid, key, case when not is_nan then value end from latest_metrics",
    "params": "select run_uuid, key, value from params",
    "tags": "select run_uuid, key, value from tags",
}
_STEPS = f"""
select run_uuid, key, step, timestamp, value from metrics
where run_uuid > ? and run_uuid <= ? and not is_nan
  and lower(key) in ({", ".join("?" * len(EQUITY))})
"""
_OLDER = "select (select count(*) from metrics) - (select count(*) from latest_metrics)"


class MlflowSource:
    """The runs of all experiments, deleted ones too, with the latest value of each metric."""

    kind = "mlflow"
    table = "runs"
    key: tuple[str, ...] = ("run_id",)
    strategy = "mlflow"
    dialect = Dialect(names={"deleted_at": "deleted_at", "equity": "equity"})

    def __init__(self, where: str) -> None:
        self.name = where
        self.remarks: list[str] = []
        self.lost = Lost()
        self._path = _path(where)
        self._folder = Folder(self._path) if self._path.is_dir() else None
        self._connection = None if self._folder else self._opened()

    def batches(self, *, summary: bool = False) -> Iterator[Rows]:
        if self._folder is not None:
            runs = self._folder.read()
        else:
            assert self._connection is not None
            runs = _read_database(self._connection)
        with readable(self._path):
            undated = taken = 0
            while tracked := list(islice(runs, _RUNS_AT_ONCE)):
                several = [run.flat() for run in tracked]
                curves = [len(flat["equity"]["ts"]) for flat in several if flat["equity"]]
                stepped = sum(any(len(s) > 1 for s in run.steps.values()) for run in tracked)
                undated += stepped - len(curves)
                taken += sum(curves) - len(curves)
                names = dict.fromkeys(name for run in several for name in run)
                columns = {name: [run.get(name) for run in several] for name in names}
                yield Rows([f"run {run['run_id']}" for run in several], columns)
        if self._folder is not None:
            self.lost = self._folder.lost
            self._older = self._folder.older
        self.remarks = [*_undated(undated), *_remark(self._older - taken)]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _opened(self) -> sqlite3.Connection:
        connection = connect(self._path)
        with readable(self._path):
            tables = {name for (name,) in connection.execute("select name from sqlite_master")}
            if not tables >= _TABLES:
                connection.close()
                lacking = ", ".join(sorted(_TABLES - tables))
                raise BadInput(f"{self._path}: no tracking store of MLflow: {lacking} is missing")
            [(self._older,)] = connection.execute(_OLDER).fetchall()
        return connection


def _undated(count: int) -> list[str]:
    curves = "1 curve of equity is" if count == 1 else f"{count:,} curves of equity are"
    why = "left out: its times are those of logging, and its steps no dates"
    return [f"{curves} {why}"] if count else []


def _remark(count: int) -> list[str]:
    said = f"{count:,} earlier values of metrics are left out: a run has the latest of each"
    return [said] if count else []


def _path(where: str) -> Path:
    """The file or folder that a path or a tracking URI names."""
    scheme, _, rest = where.partition("://")
    if rest and scheme not in ("sqlite", "file"):
        raise BadInput(
            f"{scheme}:// is a server; bt-lake reads the store behind it: a SQLite file "
            "(mlflow.db, the server's --backend-store-uri) or a folder mlruns"
        )
    # sqlite:///relative.db and sqlite:////absolute.db
    path = Path(unquote(urlsplit(where).path)) if scheme == "file" else Path(rest[1:] or where)
    path = path.expanduser()
    if not path.exists():
        raise NotFound(f"{path}: no such file or folder")
    if path.is_dir() and not has_experiments(path):
        inside = (path / "mlflow.db", path / "mlruns")
        found = next((place for place in inside if place.exists()), None)
        if found is None:
            raise BadInput(f"{path}: neither a folder mlruns nor one with mlflow.db in it")
        return found
    return path


def _read_database(connection: sqlite3.Connection) -> Iterator[Tracked]:
    after = ""
    while True:
        cursor = connection.execute(_RUNS, (after, _RUNS_AT_ONCE))
        names = [description[0] for description in cursor.description]
        infos = [dict(zip(names, row, strict=True)) for row in cursor]
        if not infos:
            return
        runs = {info["run_uuid"]: Tracked(info) for info in infos}
        for kind, query in _BESIDE.items():
            rows = connection.execute(
                f"{query} where run_uuid > ? and run_uuid <= ?", (after, infos[-1]["run_uuid"])
            )
            for run, key, value in rows:
                if run in runs:
                    getattr(runs[run], kind)[key] = value
        for run, key, step, at, value in connection.execute(
            _STEPS, (after, infos[-1]["run_uuid"], *EQUITY)
        ):
            if run in runs:
                runs[run].step(key, Step(step, at, value))
        yield from runs.values()
        after = infos[-1]["run_uuid"]
