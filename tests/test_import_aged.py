"""Every row of a store after a year is in the lake once, or listed with its reason.

Random stores with repeats, renames, mixed units and broken members are imported, changed, and
imported again; the seed is in the name of the test.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aged_stores import Aged, Documents, Entries, Files, Lines, OnServer, Studies, Table, Tracking
from older_stores import needed
from postgres_server import Server, running

from bt_lake.ingest.stores import open_source
from bt_lake.ingest.stores.importing import import_rows
from bt_lake.ingest.stores.report import ImportReport
from bt_lake.warehouse.store import Store

SEEDS = [pytest.param(seed, marks=[pytest.mark.thorough] if seed else []) for seed in range(8)]


def take(store: Store, aged: Aged, **options: Any) -> ImportReport:
    source = open_source(aged.kind, aged.where)
    try:
        return import_rows(store, source, names=aged.names, **options)
    finally:
        source.close()


def in_lake(rows: Any) -> tuple[dict[str, dict[str, Any]], int]:
    """The runs of the lake by the key of their row, and how many there are."""
    found = rows(
        "select run_id, config, strftime(created_at, '%Y-%m-%dT%H:%M:%S'), symbol, status, sharpe_ratio, total_return, win_rate, params, notes, "
        "extra, reported, (select count(*) from equity e where e.run_id = t.run_id) "
        "from trials t where deleted_at is null"
    )
    runs = {}
    for (
        run_id,
        config,
        made,
        symbol,
        status,
        sharpe,
        gain,
        wins,
        params,
        notes,
        extra,
        told,
        points,
    ) in found:
        imported = json.loads(config)["imported"]
        key = str(imported.get("id", re.sub(r"\.\d+$", "", run_id)))
        if imported["store"] == "optuna":
            key = f"{imported['study']} {imported['number']}"
        key = f"{key} {made}" if imported["store"] == "zarr" else key
        told = dict(told or {})
        runs[key] = {
            "symbol": symbol,
            "status": status,
            "sharpe_ratio": told.get("sharpe_ratio", sharpe),
            "total_return": told.get("total_return", gain),
            "win_rate": told.get("win_rate", wins),
            "score": dict(extra or {}).get("score"),
            "params": json.loads(params) if params else None,
            "notes": notes,
            "points": points,
        }
    return runs, len(found)


def check(aged: Aged, report: ImportReport, rows: Any) -> None:
    wanted = {key: rounded(run) for key, run in aged.runs().items()}
    found, count = in_lake(rows)
    found = {key: rounded({n: run[n] for n in wanted.get(key, run)}) for key, run in found.items()}
    assert found.keys() == wanted.keys()
    assert count == len(found)  # none is doubled
    assert found == wanted
    listed = Counter(bad.row for bad in (*report.failed, *report.repeated))
    assert listed == aged.lost()
    cells = {(bad.row, bad.column) for bad in report.cells}
    assert cells <= aged.cells
    assert all(bad.reason for bad in (*report.failed, *report.repeated, *report.cells))
    told = [report.added, report.skipped, report.failed, report.repeated]
    assert sum(map(len, told)) + report.unfinished == aged.source_rows()


def rounded(run: dict[str, Any]) -> dict[str, Any]:
    return {n: round(v, 6) if isinstance(v, float) else v for n, v in run.items()}


def live(rows: Any) -> int:
    return rows("select count(*) from trials where deleted_at is null")[0][0]


def twice(aged: Aged, store: Store, rows: Any, changes: int = 1) -> None:
    first = take(store, aged)
    check(aged, first, rows)
    assert {(bad.row, bad.column) for bad in first.cells} == aged.cells
    assert live(rows) == len(first.added)
    same = take(store, aged, update=True)
    assert (same.added, same.updated, same.changed) == ([], [], [])
    check(aged, same, rows)
    for _ in range(changes):
        aged.change()
        before = live(rows)
        said = take(store, aged)  # changes nothing that is there
        assert live(rows) == before + len(said.added)
        assert said.updated == []
        again = take(store, aged, update=True)
        check(aged, again, rows)
        assert again.added == []
        assert live(rows) == before + len(said.added)
        last = take(store, aged, update=True)
        assert (last.added, last.updated, last.changed) == ([], [], [])
        assert Counter(map(str, last.lost)) == Counter(map(str, again.lost))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_sqlite(seed: int, store: Store, rows: Any, tmp_path: Path) -> None:
    twice(Table(random.Random(seed), tmp_path / "s.db"), store, rows, 1 + bool(seed))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    needed("adbc_driver_postgresql")
    with running() as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_documents_in_postgresql(seed: int, store: Store, rows: Any, server: Server) -> None:
    url = server.database()
    twice(
        Documents(random.Random(seed), url, lambda sql: server.ask(url, sql)),
        store,
        rows,
        1 + bool(seed),
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.filterwarnings("ignore:The data type:Warning")
def test_zarr(seed: int, store: Store, rows: Any, tmp_path: Path) -> None:
    needed("zarr")
    twice(Entries(random.Random(seed), tmp_path / "s.zarr"), store, rows, 1 + bool(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", [Tracking, Files])
def test_mlflow(kind: type[Tracking], seed: int, store: Store, rows: Any, tmp_path: Path) -> None:
    twice(kind(random.Random(seed), tmp_path / "mlruns"), store, rows, 1 + bool(seed))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", [Studies, Lines])
def test_optuna(kind: type[Studies], seed: int, store: Store, rows: Any, tmp_path: Path) -> None:
    twice(kind(random.Random(seed), tmp_path / "study"), store, rows, 1 + bool(seed))


@pytest.mark.slow
def test_optuna_on_postgresql(store: Store, rows: Any, server: Server) -> None:
    url = server.database()
    twice(OnServer(random.Random(1), url, lambda sql: server.ask(url, sql)), store, rows)
