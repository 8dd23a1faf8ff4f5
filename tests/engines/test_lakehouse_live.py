"""The questions of docs/delta.md, asked with Daft and with Spark, against the lake's own answers."""

from __future__ import annotations

import math
import random
import re
import shutil
from pathlib import Path
from typing import Any

import daft
import pytest

import bt_lake

TEXT = (Path(__file__).parents[2] / "docs/delta.md").read_text("utf-8")
OWN = {
    "count": "select count(*) as n from trials where status = 'ok'",
    "best": "select run_id, sharpe_ratio from trials where status = 'ok' order by 2 desc, 1 limit 5",
    "aggregate": """select strategy, symbol, count(*) as n, avg(sharpe_ratio) as mean, max(max_drawdown) as shallowest
        from trials where status = 'ok' group by all order by 1, 2""",
    "sweep": """select (params ->> '/fast')::bigint as fast, avg(sharpe_ratio) as mean
        from trials where status = 'ok' group by 1 order by 1""",
    "window": """select run_id, max(equity) as highest, count(*) as points from equity
        where ts >= '2024-02-01' group by 1 order by 1""",
    "moments": """select count(sharpe_period) as trials, avg(sharpe_period) as mean, stddev_samp(sharpe_period) as sd
        from trials where status = 'ok'""",
}


@pytest.fixture(scope="module", params=["fresh", "compacted", "both"])
def folder(request, tmp_path_factory) -> Path:
    """Runs of two strategies, some failed: in commits, in files of maintenance, or in both."""
    folder = tmp_path_factory.mktemp(request.param)
    draw = random.Random(15)
    lake = bt_lake.open(folder / "lake")

    def save(count: int) -> None:
        with lake.batch() as batch:
            for n in range(count):
                value, curve = 100.0, []
                for day in range(90):
                    value *= 1 + draw.gauss(0.0005, 0.01)
                    curve.append([f"2024-{day // 28 + 1:02}-{day % 28 + 1:02}", round(value, 2)])
                labels = {"strategy": "ab"[n % 2], "symbol": "XY"[n // 2 % 2]}
                batch.save(params={"fast": n % 5}, equity=curve, **labels)
            batch.save(strategy="a", error="no good")

    save(20)
    if request.param != "fresh":
        lake.compact()
    if request.param == "both":
        save(7)
    lake.delta()
    return folder


def asked(engine: str, folder: Path, monkeypatch) -> dict[str, Any]:
    found = re.search(rf"<!-- questions: {engine} -->\n```python\n(.*?)```", TEXT, re.S)
    assert found
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(found[1], names)
    return names


def equal(found: list[dict], folder: Path, name: str) -> None:
    wanted = bt_lake.open(folder / "lake").sql(OWN[name]).to_dicts()
    assert len(found) == len(wanted) > 0, name
    for one, other in zip(found, wanted, strict=True):
        assert one.keys() == other.keys(), name
        for column, value in other.items():
            if isinstance(value, float):
                assert math.isclose(one[column], value, rel_tol=1e-9), (name, column)
            else:
                assert one[column] == value, (name, column)


def test_daft(folder, monkeypatch):
    names = asked("daft", folder, monkeypatch)
    for name in OWN:
        equal(names[name].collect().to_pylist(), folder, name)


def test_daft_reads_the_files_themselves(folder):
    lake = bt_lake.open(folder / "lake")
    files = [str(path) for path in lake.live_files()["equity"]]
    window = (
        daft.read_parquet(files)
        .groupby("run_id")
        .agg(daft.col("equity").max().alias("highest"))
        .sort("run_id")
    )
    own = lake.sql("select run_id, max(equity) as highest from equity group by 1 order by 1")
    assert window.collect().to_pylist() == own.to_dicts()


@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_spark(folder, monkeypatch):
    names = asked("spark", folder, monkeypatch)
    for name in OWN:
        equal([row.asDict() for row in names[name].collect()], folder, name)
