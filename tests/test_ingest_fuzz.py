"""Damaged and random files: runs, or one clear error, and never half a run."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results import POINTS, TRADE, document

from bt_lake.ingest.pipeline import ingest
from bt_lake.ingest.report import IngestReport
from bt_lake.ingest.run import KEYS
from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.store import Store

quietly = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def check(path: Path) -> IngestReport:
    """A dry run either way: everything but the writing."""
    lake = Store(path.parent / "lake")
    try:
        strict: IngestReport | None = ingest(lake, [path], dry_run=True)
    except LakeError as error:
        assert str(error)
        strict = None
    lenient = ingest(lake, [path], dry_run=True, on_error="skip")
    assert (strict is None) == bool(lenient.failed)
    if strict is not None:
        assert strict.added == lenient.added
    assert all(str(bad) for bad in lenient.failed)
    return lenient


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["2024-01-02", "2024-01-02T00:00:00Z", "long", "-1", "../x.csv", "e.csv"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
columns = st.fixed_dictionaries(
    {}, optional={"ts": st.lists(anything, max_size=3), "equity": st.lists(anything, max_size=3)}
)
trade = st.dictionaries(st.sampled_from([*TRADE, "own"]), anything, max_size=4)
wild = st.fixed_dictionaries(
    {"strategy": st.just("s") | st.none() | st.integers() | st.text()},
    optional={
        "equity": anything | columns,
        "trades": anything | st.lists(trade, max_size=3) | st.dictionaries(
            st.sampled_from([*TRADE, "own"]), st.lists(anything, max_size=2), max_size=3
        ),
        "metrics": anything | st.dictionaries(st.sampled_from(sorted(KEYS)), anything, max_size=3),
        **dict.fromkeys(sorted(KEYS - {"strategy", "equity", "trades", "metrics"}), anything),
    },
)  # fmt: skip


@pytest.mark.slow
@given(st.lists(wild, min_size=1, max_size=4))
@quietly
def test_any_documents(tmp_path, documents):
    path = tmp_path / "runs.ndjson"
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    report = check(path)
    assert len(report.added) + len(report.skipped) + len(report.failed) == len(documents)


def good_files(folder: Path) -> dict[str, bytes]:
    runs = [document(symbol=str(n), notes="ü 🙂") for n in range(3)]
    lines = "".join(json.dumps(run) + "\n" for run in runs).encode()
    table = pl.DataFrame(
        {"strategy": ["s", "t"], "created_at": ["2024-01-02"] * 2, "sharpe_ratio": [1.0, None]}
    )
    table.write_parquet(folder / "rows.parquet")
    pl.DataFrame(POINTS).write_parquet(folder / "equity.parquet")
    return {
        "one.json": json.dumps(runs[0], indent=1).encode(),
        "many.ndjson": lines,
        "many.ndjson.gz": gzip.compress(lines, mtime=0),
        "list.json": json.dumps(runs).encode(),
        "rows.csv": table.write_csv().encode(),
        "rows.parquet": (folder / "rows.parquet").read_bytes(),
        "equity.parquet": (folder / "equity.parquet").read_bytes(),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["one.json", "many.ndjson", "many.ndjson.gz", "list.json",
                                  "rows.csv", "rows.parquet"])  # fmt: skip
@given(data=st.data())
@quietly
def test_truncated_or_flipped_files(tmp_path, name, data):
    check(written(tmp_path, name, data))


@pytest.mark.slow
@given(data=st.data())
@quietly
def test_a_damaged_file_beside_a_document(tmp_path, data):
    written(tmp_path, "equity.parquet", data)
    path = tmp_path / "one.json"
    path.write_text(json.dumps(document(equity="equity.parquet")))
    report = check(path)
    assert len(report.added) + len(report.failed) == 1


def written(folder: Path, name: str, data: Any) -> Path:
    path = folder / name
    path.write_bytes(damaged(good_files(folder)[name], data))
    return path


def damaged(whole: bytes, data: Any) -> bytes:
    """The content cut off or with flipped bits."""
    content = bytearray(whole)
    if data.draw(st.booleans(), "cut"):
        del content[data.draw(st.integers(0, len(content)), "length") :]
    for _ in range(data.draw(st.integers(0, 4), "flips") if content else 0):
        place = data.draw(st.integers(0, len(content) - 1), "place")
        content[place] ^= 1 << data.draw(st.integers(0, 7), "bit")
    return bytes(content)


@pytest.mark.parametrize("key", sorted(KEYS))
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"ts":', "}")])
def test_deep_nesting(tmp_path, key, opened, closed):
    deep = opened * 900 + "1" + closed * 900
    path = tmp_path / "runs.json"
    path.write_text(f'{{"symbol": "A", "strategy": "s", "{key}": {deep}}}')
    check(path)


@given(st.binary(max_size=300))
@quietly
def test_random_bytes(tmp_path, content):
    path = tmp_path / "runs.json"
    path.write_bytes(content)
    assert not check(path).added
