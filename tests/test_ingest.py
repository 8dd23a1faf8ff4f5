"""Ingest: files become runs, each once, or nothing of a bad file."""

from __future__ import annotations

import gzip
import io
import json
import multiprocessing
import os
import sys
from datetime import UTC, datetime

import pytest
from results import POINTS, document, write_json, write_lines

from bt_lake.ingest import spool, waiting
from bt_lake.ingest.pipeline import ingest
from bt_lake.ingest.report import IngestStopped
from bt_lake.warehouse.errors import BadInput, LakeError, NotFound, UnknownName
from bt_lake.warehouse.store import Store


def numbered(count: int, **columns) -> list[dict]:
    return [document(params={"n": n}, **columns) for n in range(count)]


def test_a_folder_becomes_runs(store, rows, tmp_path):
    write_json(tmp_path / "in/b.json", document(symbol="B"))
    write_json(tmp_path / "in/a/run.json", document(symbol="A"))
    write_lines(tmp_path / "in/many.ndjson", numbered(3, symbol="C"))
    (tmp_path / "in/README.md").write_text("# Results")
    write_json(tmp_path / "in/.hidden/x.json", document(symbol="X"))
    report = ingest(store, [tmp_path / "in"])
    assert len(report.added) == 5
    assert (report.files, report.of_files, report.skipped, report.failed) == (4, 4, [], [])
    assert report.ignored == [str(tmp_path / "in/README.md")]
    assert rows("select symbol, count(*) from runs group by all order by all") == [
        ("A", 1), ("B", 1), ("C", 3)
    ]  # fmt: skip
    assert rows("select count(*), count(distinct run_id) from equity") == [(15, 5)]
    assert rows("select count(*) from trades") == [(5,)]
    assert {row[0] for row in rows("select run_id from runs")} == set(report.added)


def test_ingesting_twice_adds_once(store, rows, tmp_path):
    path = write_lines(tmp_path / "runs.ndjson", numbered(5))
    first = ingest(store, [path])
    again = ingest(store, [path, tmp_path])
    assert (len(first.added), again.added) == (5, [])
    assert again.skipped == first.added
    assert again.files == 1  # a file named twice is read once
    assert rows("select count(*) from runs") == [(5,)]


def test_the_same_run_in_another_file_is_the_same_run(store, tmp_path):
    run = document()
    other = {**dict(reversed(run.items())), "params": {"slow": 50.0, "fast": 10}}
    other["equity"] = list(zip(POINTS["ts"], POINTS["equity"], strict=True))
    write_json(tmp_path / "in/a.json", run)
    write_lines(tmp_path / "in/b.ndjson", [other, run])
    (tmp_path / "in/c.json.gz").write_bytes(gzip.compress(json.dumps(run, indent=1).encode()))
    report = ingest(store, [tmp_path / "in"])
    assert (len(report.added), len(report.skipped)) == (1, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"symbol": "MSFT"}, {"params": {"fast": 11}}, {"metrics": {"sharpe_ratio": 1.3}},
        {"created_at": "2026-11-19T14:00:01Z"}, {"tags": ["x"]}, {"trades": []}, {"trades": None},
        {"equity": {**POINTS, "equity": [100.0, 110.0, 98.0]}}, {"initial_capital": 100.0},
        {"equity": {**POINTS, "cash": [1, 2, 3]}}, {"metrics": {"sharpe_ratio": 1.2, "own": 7.5}},
    ],
)  # fmt: skip
def test_whatever_is_different_makes_another_run(store, tmp_path, change):
    path = write_lines(tmp_path / "runs.ndjson", [document(), document(**change)])
    assert len(ingest(store, [path]).added) == 2


@pytest.mark.parametrize("as_lines", [False, True])
def test_equal_failures_of_one_ingest_are_several_tries(store, rows, tmp_path, as_lines):
    failed = {"strategy": "s", "params": {"a": 1}, "status": "failed", "error": "timeout"}
    folder = tmp_path / "results"
    folder.mkdir()
    if as_lines:
        (folder / "all.ndjson").write_text(f"{json.dumps(failed)}\n" * 3)
    else:
        for name in "abc":
            (folder / f"{name}.json").write_text(json.dumps(failed))
    assert len(ingest(store, [folder], dry_run=True).added) == 3
    added = ingest(store, [folder]).added
    assert len(added) == 3
    assert rows("select count(*) from trials") == [(3,)]
    again = ingest(store, [folder])
    assert (again.added, sorted(again.skipped)) == ([], sorted(added)), "they are the same three"
    dated = {**failed, "created_at": "2026-01-02"}
    (folder / "dated.ndjson").write_text(f"{json.dumps(dated)}\n" * 2)
    assert len(ingest(store, [folder]).added) == 1, "one try at one time"
    whole = {"strategy": "s", "params": {"a": 1}, "metrics": {"sharpe_ratio": 1}}
    (folder / "whole.ndjson").write_text(f"{json.dumps(whole)}\n" * 2)
    assert len(ingest(store, [folder]).added) == 1, "the same result is one run"


def test_ids_are_stable(store, tmp_path):
    path = write_lines(tmp_path / "runs.ndjson", [document(), document(created_at=None)])
    assert sorted(ingest(store, [path]).added, reverse=True) == [
        "01a1f41b-6b00-89aa-8469-815563f8467d",
        "018cd1c5-0800-8ea7-91d4-bc287a409ee3",
    ]


def test_ids_do_not_depend_on_neighbours_or_batches(store, tmp_path, monkeypatch):
    runs = [*numbered(3), document(equity=None), document(trades=None), {"strategy": "bare"}]
    path = write_lines(tmp_path / "runs.ndjson", runs)
    together = ingest(store, [path], dry_run=True).added
    monkeypatch.setattr(waiting, "MOST_RUNS", 1)
    assert sorted(ingest(store, [path], dry_run=True).added) == together


def test_ids_do_not_depend_on_the_order_of_a_neighbours_columns(store, rows, tmp_path):
    trade = {"pnl": 1.0, "note": "n", "zeta": 2}
    turned = dict(reversed(trade.items()))
    one, other = ({"strategy": s, "trades": [t]} for s, t in (("a", trade), ("b", turned)))
    assert len(ingest(store, [write_json(tmp_path / "b.json", other)]).added) == 1
    for number, both in enumerate(([one, other], [other, one])):
        ingest(store, [write_lines(tmp_path / f"{number}.ndjson", both)])
    assert len(rows("select run_id from runs")) == 2


def test_a_run_id_of_the_documents_own_is_kept(store, rows, tmp_path):
    path = write_lines(tmp_path / "a.ndjson", [document(run_id="mine"), document(run_id="mine")])
    report = ingest(store, [path])
    assert (report.added, report.skipped) == (["mine"], ["mine"])
    assert ingest(store, [path]).skipped == ["mine", "mine"]


def test_one_id_for_two_runs_is_an_error(store, rows, tmp_path):
    runs = [document(run_id="x", symbol="A"), document(run_id="x", symbol="B")]
    path = write_lines(tmp_path / "a.ndjson", [*runs, runs[0]])
    with pytest.raises(IngestStopped, match=r"a\.ndjson:2: run_id 'x' is that of another run"):
        ingest(store, [path])
    report = ingest(store, [path], on_error="skip")
    assert (report.added, report.skipped, len(report.failed)) == (["x"], ["x"], 1)
    assert rows("select symbol from runs") == [("A",)]


def test_when_a_run_was_made(store, rows, tmp_path):
    path = write_json(tmp_path / "a.json", document(created_at=None))
    os.utime(path, ns=(0, 1_700_000_000_123_456_000))
    first = ingest(store, [path])
    assert rows("select epoch_us(created_at) from runs") == [(1_700_000_000_123_456,)]
    os.utime(path)
    assert ingest(store, [path]).skipped == first.added


def test_columns_can_be_set(store, rows, tmp_path):
    path = write_json(tmp_path / "a.json", document(symbol=None, strategy=None))
    ingest(store, [path], set_columns={"symbol": "AAPL", "strategy": "s", "initial_capital": "50"})
    assert rows("select symbol, strategy, initial_capital from runs") == [("AAPL", "s", 50.0)]
    with pytest.raises(UnknownName, match="Did you mean symbol"):
        ingest(store, [path], set_columns={"symbl": "AAPL"})


@pytest.mark.parametrize("value", ["600519", 600519])
def test_a_misspelt_column_is_no_metric_of_ones_own(store, rows, tmp_path, value):
    path = write_json(tmp_path / "a.json", document())
    with pytest.raises(UnknownName, match="Did you mean symbol.*of your own is `extra.symbl`"):
        ingest(store, [path], set_columns={"symbl": value})
    given = {"extra.symbl": value, "metrics": {"score": 2}}
    ingest(store, [path], set_columns=given)
    assert rows("select extra['symbl'], extra['score'] from runs") == [(600519.0, 2.0)]
    for odd in ({"extra.symbol": value}, {"extra.score": "x"}, {"extra.": 1}, {"extra.a": 1, "metrics": "x"}):  # fmt: skip
        with pytest.raises(BadInput, match="metrics"):
            ingest(store, [path], set_columns=odd)


def test_the_first_bad_file_stops_and_adds_nothing(store, tmp_path):
    for number in range(5):
        write_json(tmp_path / f"in/run_{number}.json", document(symbol=str(number)))
    bad = {"ts": ["2024-01-02", "2024-13-01"], "equity": [1, 2]}
    write_json(tmp_path / "in/run_3.json", document(equity=bad))
    with pytest.raises(IngestStopped) as stopped:
        ingest(store, [tmp_path / "in"])
    assert str(stopped.value) == (
        f'{tmp_path / "in" / "run_3.json"}: equity[1].ts: "2024-13-01" is not a time\n'
        "5 of 5 files read, nothing of this batch added. Skip bad files with --on-error skip."
    )
    assert not store.layout.exists


def test_bad_runs_can_be_skipped(store, rows, tmp_path):
    path = write_lines(
        tmp_path / "in/a.ndjson",
        [document(), document(symbol=["x"]), {"symbol": "A"}, document(symbol="B"), [1]],
    )
    write_json(tmp_path / "in/b.json", document(equity=[]))
    (tmp_path / "in/c.json").write_bytes(b'{"strategy": "s"')
    os.utime(tmp_path / "in/c.json", (0, 0))  # nobody is writing it any more
    report = ingest(store, [tmp_path / "in"], on_error="skip")
    assert len(report.added) == 2
    assert {(bad.file, bad.row) for bad in report.failed} == {
        (str(path), 2), (str(path), 3), (str(path), 5),
        (str(tmp_path / "in/b.json"), None), (str(tmp_path / "in/c.json"), None),
    }  # fmt: skip
    assert rows("select count(*) from runs") == [(2,)]


@pytest.fixture(params=[0, 1 << 20], ids=["on disk", "in memory"])
def small_batches(monkeypatch, request):
    monkeypatch.setattr(waiting, "MOST_RUNS", 3)
    monkeypatch.setattr(spool, "_MOST_BYTES", request.param)


def test_nothing_of_a_long_bad_file_is_added(store, rows, tmp_path, small_batches):
    write_lines(tmp_path / "in/a.ndjson", numbered(7, symbol="A"))
    write_lines(tmp_path / "in/b.ndjson", [*numbered(10, symbol="B"), {"strategy": ""}])
    with pytest.raises(IngestStopped, match=r"the 7 runs of earlier batches are in") as stopped:
        ingest(store, [tmp_path / "in"])
    assert (stopped.value.report.files, len(stopped.value.report.added)) == (1, 7)
    assert rows("select symbol, count(*) from runs group by all") == [("A", 7)]
    assert [path.name for path in store.layout.stage.iterdir()] == ["ingest.lock"]
    report = ingest(store, [tmp_path / "in"], on_error="skip")
    assert (len(report.added), len(report.skipped), len(report.failed)) == (10, 7, 1)
    assert rows("select count(*), count(distinct run_id) from equity") == [(51, 17)]


def test_a_commit_is_sorted_by_run(store, rows, tmp_path):
    ids = ingest(store, [write_lines(tmp_path / "a.ndjson", numbered(20))]).added
    assert ids == sorted(ids)
    for view in ("lake_rows", "lake_curves", "lake_trade_rows"):
        found = [row[0] for row in rows(f"select run_id from {view}")]
        assert found == sorted(found), view


def test_long_files_are_committed_in_parts(store, rows, tmp_path, small_batches):
    path = write_lines(tmp_path / "a.ndjson", numbered(10))
    assert len(ingest(store, [path]).added) == 10
    assert rows("select count(distinct commit_id) from runs") == [(4,)]
    assert ingest(store, [path]).added == []


def test_a_dry_run_says_what_would_happen(store, tmp_path, small_batches):
    path = write_lines(tmp_path / "a.ndjson", numbered(10))
    would = ingest(store, [path], dry_run=True).added
    assert not store.layout.exists
    write_lines(tmp_path / "a.ndjson", numbered(4))
    first = ingest(store, [path]).added
    write_lines(tmp_path / "a.ndjson", numbered(10))
    report = ingest(store, [path], dry_run=True)
    assert sorted(report.skipped) == sorted(first)
    assert sorted(report.skipped + report.added) == sorted(would)


def test_unique_refuses_what_is_configured_alike(store, rows, tmp_path):
    first = write_json(tmp_path / "a.json", document())
    again = write_lines(
        tmp_path / "b.ndjson", [document(metrics={"sharpe_ratio": 9}), document(exit_rule="stop")]
    )
    (run_id,) = ingest(store, [first], unique=True).added
    with pytest.raises(IngestStopped, match="period and params as"):
        ingest(store, [again], unique=True)
    assert rows("select count(*) from runs") == [(1,)], "nothing of its batch is added"
    report = ingest(store, [again], unique=True, on_error="skip")
    assert len(report.added) == 1
    (refused,) = report.failed
    assert (refused.file, refused.row) == (str(again), 1)
    assert refused.reason.endswith(f"period and params as {run_id}")
    assert ingest(store, [first], unique=True).skipped == [run_id]


def test_a_dry_run_says_what_unique_would_refuse(store, tmp_path):
    ingest(store, [write_json(tmp_path / "a.json", document())])
    again = write_json(tmp_path / "b.json", document(metrics={"sharpe_ratio": 9}))
    report = ingest(store, [again], unique=True, dry_run=True, on_error="skip")
    assert (report.added, len(report.failed)) == ([], 1)


def test_of_runs_that_repeat_each_other_the_first_named_gets_in(store, rows, tmp_path):
    names = [f"u{n}.json" for n in range(1, 7)]
    files = [write_json(tmp_path / n, document(notes=n)) for n in names]
    report = ingest(store, files, unique=True, on_error="skip")
    assert rows("select notes from runs") == [("u1.json",)]
    assert [refused.file for refused in report.failed] == [str(path) for path in files[1:]]


def test_what_is_refused_beside_another_of_its_files_names_that_file(store, tmp_path):
    """The other is in no lake: nothing of the batch is."""
    files = [write_json(tmp_path / f"u{n}.json", document(notes=str(n))) for n in (1, 2)]
    with pytest.raises(IngestStopped, match=r"u2\.json.*params as .*u1\.json"):
        ingest(store, files, unique=True)


def test_a_dry_run_counts_a_run_once(store, tmp_path, small_batches):
    path = write_lines(tmp_path / "a.ndjson", [*numbered(5), *numbered(5)])
    would = ingest(store, [path], dry_run=True)
    assert (len(would.added), len(would.skipped)) == (5, 5)
    done = ingest(store, [path])
    assert (sorted(done.added), sorted(done.skipped)) == (
        sorted(would.added), sorted(would.skipped)
    )  # fmt: skip


def stdin(content: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))


def test_stdin_takes_lines(store, rows, monkeypatch):
    text = "".join(json.dumps(run) + "\n" for run in numbered(3))
    monkeypatch.setattr(sys, "stdin", stdin(text.encode()))
    assert len(ingest(store, ["-"]).added) == 3
    monkeypatch.setattr(sys, "stdin", stdin(b"{\n"))
    with pytest.raises(IngestStopped, match="^stdin:1: not valid JSON"):
        ingest(store, ["-"])


def test_progress_reaches_the_end(store, tmp_path, small_batches):
    seen = []
    path = write_lines(tmp_path / "a.ndjson", numbered(10))
    write_json(tmp_path / "b.json", document())
    ingest(store, [path, tmp_path], progress=lambda done, total, report: seen.append((done, total)))
    total = path.stat().st_size + (tmp_path / "b.json").stat().st_size
    assert seen == sorted(seen)
    assert len(seen) > 3
    assert seen[-1] == (total, total)


def test_what_cannot_be_read_is_said(store, tmp_path):
    with pytest.raises(NotFound, match=r"nowhere: no such file"):
        ingest(store, [tmp_path / "nowhere"])
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(IngestStopped, match=r"notes\.txt: not a result that bt-lake knows"):
        ingest(store, [tmp_path / "notes.txt"])
    (tmp_path / "empty.json").touch()
    with pytest.raises(IngestStopped, match=r"empty\.json: not a result"):
        ingest(store, [tmp_path / "empty.json"])
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(NotFound, match="a pipe is read from -"):
            ingest(store, [tmp_path / "pipe"])
    with pytest.raises(BadInput, match="'' names no file and no folder; write . for this folder"):
        ingest(store, [""])
    with pytest.raises(BadInput, match="on_error is 'stop' or 'skip'"):
        ingest(store, [tmp_path], on_error="ignore")


def whole(store: Store) -> list[list[dict]]:
    def read(connection, view: str, order: str) -> list[dict]:
        rows = connection.sql(f"from {view} order by {order}").to_arrow_table().to_pylist()
        return [
            {k: v for k, v in row.items() if k not in ("commit_id", "ingested_at")} for row in rows
        ]

    tables = ("trials", "1"), ("lake_curves", "1, 2"), ("lake_trade_rows", "1, 2")
    return store.ask(lambda connection: [read(connection, *table) for table in tables])


@pytest.mark.slow
def test_another_lake_comes_in_as_it_is(store, rows, tmp_path, small_batches):
    other = Store(tmp_path / "other")
    ids = ingest(other, [write_lines(tmp_path / "a.ndjson", numbered(7))]).added
    other.append_events("tag", ids[:1], "good")
    other.append_events("delete", ids[1:2])
    report = ingest(store, [tmp_path / "other"])
    assert sorted(report.added) == sorted(ids)
    assert whole(store) == whole(other)
    assert rows("select count(*) from runs") == [(6,)]
    assert ingest(store, [tmp_path]).added == []
    with pytest.raises(BadInput, match="this lake itself"):
        ingest(store, [store.path])
    with pytest.raises(BadInput, match="taken as they are"):
        ingest(store, [tmp_path / "other"], set_columns={"symbol": "A"})


def _ingest_in_a_process(lake: str, folder: str) -> int:
    return len(ingest(Store(lake), [folder]).added)


@pytest.mark.slow
def test_two_processes_add_each_run_once(store, rows, tmp_path):
    for number in range(40):
        write_lines(tmp_path / f"in/{number:02}.ndjson", numbered(5, symbol=str(number)))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        work = [(str(store.path), str(tmp_path / "in"))] * 2
        added = pool.starmap(_ingest_in_a_process, work)
    assert sum(added) == 200
    assert rows("select count(*), count(distinct run_id) from runs") == [(200, 200)]


def test_an_interrupted_ingest_says_what_is_in(store, tmp_path, small_batches):
    path = write_lines(tmp_path / "a.ndjson", numbered(4))

    def interrupt(done, total, report):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        ingest(store, [path], progress=interrupt)
    assert stopped.value.__notes__ == ["0 runs are in, the rest is not"]
    assert len(ingest(store, [path]).added) == 4


def test_created_at_comes_from_the_document(store, rows, tmp_path):
    ingest(store, [write_json(tmp_path / "a.json", document())])
    at = int(datetime(2026, 11, 19, 14, tzinfo=UTC).timestamp() * 1e6)
    assert rows("select epoch_us(created_at) from runs") == [(at,)]


def test_unreadable_files_are_named(store, tmp_path):
    path = write_json(tmp_path / "a.json", document())
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(LakeError, match="Permission denied"):
        ingest(store, [path])
