"""The ground truth through the front door: saved alone, in a batch, and ingested from a file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from results import write_lines
from test_metrics_truth import (
    TRADE_COUNTS,
    TRADE_FLOATS,
    TRADES,
    Curve,
    agree,
    all_curves,
    check_curve,
    read_trades,
)

from bt_lake.ingest.pipeline import ingest
from bt_lake.ingest.saving import save
from bt_lake.warehouse.store import Store

ALL = all_curves()


def stored(store: Store, run_ids: list[str]) -> list[dict[str, Any]]:
    """Rows as the truth counts: times in microseconds."""

    def question(connection) -> list[dict]:
        found = connection.sql("from runs").to_arrow_table()
        times = [
            n for n in found.column_names if str(found.schema.field(n).type)[:9] == "timestamp"
        ]
        for name in times:
            micros = found[name].cast("int64")
            found = found.set_column(found.schema.get_field_index(name), name, micros)
        return found.to_pylist()

    rows = {row["run_id"]: row for row in store.ask(question)}
    changing = ("run_id", "commit_id", "created_at", "ingested_at")
    return [{k: v for k, v in rows[i].items() if k not in changing} for i in run_ids]


def by_strategy(row: dict[str, Any]) -> str:
    return row["strategy"]


def run_of(curve: Curve, kind: str) -> dict[str, Any]:
    ts = curve.ts.astype("M8[us]")
    equity: Any = {"ts": ts, "equity": curve.equity}
    if kind == "polars":
        equity = pl.DataFrame(equity)
    elif kind == "text":
        texts = np.datetime_as_string(ts, timezone="UTC").tolist()
        equity = {"ts": texts, "equity": curve.equity.tolist()}
    return {"strategy": curve.name, "periods_per_year": 252, "equity": equity}


@pytest.mark.parametrize("kind", ["arrays", "polars", "text"])
def test_every_curve(store, tmp_path, kind):
    runs = [run_of(curve, kind) for curve in ALL]
    alone = stored(store, [save(store, run) for run in runs])
    assert stored(store, save(store, runs)) == alone
    if kind == "text":
        path = write_lines(tmp_path / "truth.ndjson", runs)
        ingested = stored(store, ingest(store, [path]).added)
        assert sorted(ingested, key=by_strategy) == sorted(alone, key=by_strategy)
    for row, curve in zip(alone, ALL, strict=True):
        check_curve(row, curve.expected)


def test_every_list_of_trades(store):
    names = list(TRADES["cases"])
    runs = []
    for name in names:
        columns = read_trades(name, net=True)
        times = {n: columns[n].astype("M8[us]") for n in ("entry_at", "exit_at")}
        runs.append({"strategy": name, "trades": {"pnl": columns["pnl"], **times}})
    alone = stored(store, [save(store, run) for run in runs])
    assert stored(store, save(store, runs)) == alone
    tolerance = TRADES["meta"]["tolerance"]
    for row, name in zip(alone, names, strict=True):
        case = TRADES["cases"][name]
        agree(row, case["net"], TRADE_FLOATS, tolerance)
        agree(row, case, {"exposure": "exposure_union"}, tolerance)
        assert row["total_trades"] == case["n_trades"]
        for ours, theirs in TRADE_COUNTS.items():
            assert row[ours] == case["net"][theirs]


def test_json_numbers_survive_to_the_last_bit(store, tmp_path):
    curve = max(ALL, key=lambda curve: len(curve.ts))
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run_of(curve, "text")))
    (run_id,) = ingest(store, [path]).added
    points = store.ask(
        lambda connection: connection.execute(
            "select epoch_us(ts), equity from lake_curves where run_id = ? order by ts", [run_id]
        ).fetchnumpy()
    )
    ts, equity = points.values()
    assert (ts == curve.ts).all()
    assert (equity == curve.equity).all()
