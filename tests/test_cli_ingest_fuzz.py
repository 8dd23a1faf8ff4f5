"""Damaged files on the command line: all of their runs or none, and never a traceback."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from cli_lake import Cli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results import document
from test_ingest_fuzz import damaged, good_files, wild

from bt_lake.ingest.saving import save
from bt_lake.warehouse.store import Store

ENGINES = Path(__file__).parent / "data" / "engines"
FILES = {
    **dict.fromkeys(("one.json", "many.ndjson", "many.ndjson.gz", "list.json"), None),
    **dict.fromkeys(("rows.csv", "rows.parquet"), None),
    "result.zip": ENGINES / "freqtrade" / "backtest-result-2026-11-20_18-18-42.zip",
    "epochs.fthypt": ENGINES / "freqtrade/hyperopt/strategy_SmaCross_2026-11-20_18-23-21.fthypt",
    "lean.json": ENGINES / "lean" / "1234567890.json",
}
quietly = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with one run, and a file of every kind."""
    folder = tmp_path_factory.mktemp("template")
    save(Store(folder / "lake"), document(symbol="before"))
    for name, content in good_files(folder).items():
        (folder / name).write_bytes(content)
    for name, path in FILES.items():
        if path is not None:
            shutil.copy(path, folder / name)
    return folder


def check(template: Path, name: str, content: bytes, capsys: pytest.CaptureFixture[str]) -> int:
    """Ingest the content in a copy of the lake; gives how many runs came in."""
    with tempfile.TemporaryDirectory() as folder:
        lake, path = Path(folder, "lake"), Path(folder, "in", name)
        shutil.copytree(template / "lake", lake)
        path.parent.mkdir()
        path.write_bytes(content)
        before = files(lake)
        said = Cli(lake, capsys)("ingest", path)
        assert said.code in (0, 2), said.err
        assert said.out == ""
        assert "Traceback (most recent call" not in said.err
        if said.code == 2:
            assert said.err.startswith(f"error: {path}")
            assert files(lake) == before
            return 0
        return whole_runs(Store(lake)) - 1


def files(lake: Path) -> dict[str, bytes]:
    return {str(p.relative_to(lake)): p.read_bytes() for p in lake.rglob("*") if p.is_file()}


def whole_runs(store: Store) -> int:
    """Counts the runs, each of which has the points that it claims."""
    rows = store.ask(
        lambda connection: connection.execute(
            """
            select r.bars, r.metrics_from, count(p.ts)
            from trials r left join lake_curves p using (run_id) group by r.run_id, r.bars, r.metrics_from
            """
        ).fetchall()
    )
    assert all(bars == points for bars, source, points in rows if source == "curve")
    return len(rows)


@pytest.mark.parametrize("name", FILES)
def test_whole_files_come_in(template, name, capsys):
    assert check(template, name, (template / name).read_bytes(), capsys) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
@quietly
def test_truncated_or_flipped_files(template, name, capsys, data):
    check(template, name, damaged((template / name).read_bytes(), data), capsys)


@pytest.mark.slow
@given(documents=st.lists(wild, min_size=1, max_size=4))
@quietly
def test_any_documents(template, capsys, documents):
    text = "".join(json.dumps(document) + "\n" for document in documents)
    assert check(template, "runs.ndjson", text.encode(), capsys) in range(len(documents) + 1)
