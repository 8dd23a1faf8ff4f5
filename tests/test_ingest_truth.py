"""The ground truth through the front door: saved alone, as a list, in a batch, and from files."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from results import write_lines
from test_metrics_truth import (
    CURVES,
    TRADE_COUNTS,
    TRADE_FLOATS,
    TRADES,
    Curve,
    agree,
    all_curves,
    check_curve,
    read_trades,
)

from bt_lake.lake import Lake

ALL = all_curves()
CHANGING = ("run_id", "commit_id", "created_at", "ingested_at")


def stored(lake: Lake, run_ids: list[str]) -> list[dict[str, Any]]:
    """What `lake.run` says of each, as the truth counts: times in microseconds."""
    found = []
    for run_id in run_ids:
        run = lake.run(run_id)
        row = {name: plain(value) for name, value in run.row.items() if name not in CHANGING}
        found.append({**row, "monthly": {f"{month:%Y-%m}": value for month, value in run.monthly}})
    return found


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    return value


def in_batch(lake: Lake, runs: list[dict[str, Any]]) -> list[str]:
    with lake.batch() as batch:
        return [batch.save(run) for run in runs]


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


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["arrays", "polars", "text"])
def test_every_curve(lake, tmp_path, kind):
    runs = [run_of(curve, kind) for curve in ALL]
    alone = stored(lake, [lake.save(run) for run in runs])
    assert stored(lake, lake.save(runs)) == alone
    assert stored(lake, in_batch(lake, runs)) == alone
    if kind == "text":
        path = write_lines(tmp_path / "truth.ndjson", runs)
        ingested = stored(lake, lake.ingest(path).added)
        assert sorted(ingested, key=by_strategy) == sorted(alone, key=by_strategy)
    for row, curve in zip(alone, ALL, strict=True):
        check_curve(row, curve.expected)
        check_months(row["monthly"], curve.expected)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_every_curve_in_a_file_beside_its_document(lake, tmp_path, suffix):
    for curve in ALL:
        folder = tmp_path / "in" / curve.name
        folder.mkdir(parents=True)
        frame = pl.DataFrame(run_of(curve, "arrays")["equity"])
        write = frame.write_csv if suffix == "csv" else frame.write_parquet
        write(folder / f"equity.{suffix}")
        document = {"strategy": curve.name, "periods_per_year": 252}
        (folder / "run.json").write_text(json.dumps(document))
    rows = {row["strategy"]: row for row in stored(lake, lake.ingest(tmp_path / "in").added)}
    for curve in ALL:
        check_curve(rows[curve.name], curve.expected)
        check_months(rows[curve.name]["monthly"], curve.expected)


def check_months(got: dict[str, float | None], expected: dict[str, Any]) -> None:
    """The truth of a curve that goes below zero has no months."""
    if "monthly_returns" in expected:
        months = expected["monthly_returns"]
        assert list(got) == list(months)
        agree(got, months, {month: month for month in months}, CURVES["meta"]["tolerance"])


@pytest.mark.parametrize("kind", ["net", "gross"])
def test_every_list_of_trades(lake, kind):
    names = list(TRADES["cases"])
    runs = []
    for name in names:
        columns = read_trades(name, net=kind == "net")
        times = {n: columns[n].astype("M8[us]") for n in ("entry_at", "exit_at")}
        run = {"strategy": name, "trades": {"pnl": columns["pnl"], **times}}
        if len(columns["pnl"]):  # the truth's period; trades alone tell of none
            run |= {"start_at": min(times["entry_at"]), "end_at": max(times["exit_at"])}
        runs.append(run)
    alone = stored(lake, [lake.save(run) for run in runs])
    assert stored(lake, lake.save(runs)) == alone
    assert stored(lake, in_batch(lake, runs)) == alone
    tolerance = TRADES["meta"]["tolerance"]
    for row, name in zip(alone, names, strict=True):
        case = TRADES["cases"][name]
        agree(row, case[kind], TRADE_FLOATS, tolerance)
        times = {"exposure": "exposure_union", "avg_trade_hours": "avg_holding_hours"}
        agree(row, case, times, tolerance)
        assert row["total_trades"] == case["n_trades"]
        for ours, theirs in TRADE_COUNTS.items():
            assert row[ours] == case[kind][theirs]


def test_json_numbers_survive_to_the_last_bit(lake, tmp_path):
    curve = max(ALL, key=lambda curve: len(curve.ts))
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run_of(curve, "text")))
    (run_id,) = lake.ingest(path).added
    points = lake.run(run_id).equity
    assert (points["ts"].dt.epoch("us").to_numpy() == curve.ts).all()
    assert (points["equity"].to_numpy() == curve.equity).all()
