"""The face of the package: bt_lake.open() and class Lake."""

from __future__ import annotations

import contextlib
import inspect
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_all_start_methods, get_context
from unittest.mock import ANY

import polars as pl
import pytest
from factory import frames

import bt_lake
from bt_lake.ingest.keywords import RunKeywords
from bt_lake.ingest.run import KEYS
from bt_lake.lake import Lake
from bt_lake.queries.filters import Filters, Given
from bt_lake.running.planning import Options, plan
from bt_lake.warehouse.errors import BadInput, Conflict, LakeError, NotFound, UnknownName
from bt_lake.warehouse.schema import TOLD

pytest_plugins = ["golden_fixtures"]

READING = ("runs", "best", "aggregate", "sweep", "export")


def imported_by(code: str) -> set[str]:
    watched = ("polars", "pyarrow", "numpy", "duckdb", "pandas", "typer", "rich")
    shown = (
        f"import sys, json\n{code}\nprint(json.dumps([m for m in {watched} if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_is_light(golden):
    assert imported_by("import bt_lake; bt_lake.open; bt_lake.Run") == set()
    path = str(golden.lake.path)
    assert imported_by(f"import bt_lake; lake = bt_lake.open({path!r}); repr(lake)") == set()


def test_asking_without_a_frame_imports_nothing_heavy(golden):
    code = f"""
from bt_lake.lake import open
from bt_lake.queries import curves, detail, grouping, listing, lookup, ranking, raw, sweeping
from bt_lake.queries.filters import Filters
from bt_lake.queries.resolving import resolve
reader = open({str(golden.lake.path)!r}).reader
rows = listing.listing(reader, filters=Filters(since="2026-01-01")).rows()
assert len(ranking.best(reader, "sharpe_ratio").rows()) == 10
assert grouping.aggregate(reader, by="strategy").rows()
assert sweeping.sweep(reader, "sma_cross", x="fast", y="slow").rows
assert lookup.lookup(reader, [{{"strategy": "momentum"}}]).rows()
assert raw.sql(reader, "select created_at, tags, extra from runs").rows()
run = detail.detail(reader, resolve(reader, {golden.rows[0]["run_id"]!r}))
run.curve.rows(), run.trade_log.rows(), run.monthly, repr(run)
"""
    assert imported_by(code) == set()


def test_what_the_package_offers():
    assert {"Lake", "LakeError", "Run", "__version__", "errors", "open"} < set(bt_lake.__all__)
    assert len(bt_lake.__all__) == 17  # a short list: what is in it must stay
    for name in bt_lake.__all__:
        assert getattr(bt_lake, name) is not None
    assert dir(bt_lake) == bt_lake.__all__
    with pytest.raises(AttributeError):
        _ = bt_lake.nope


def test_open_takes_a_path_or_the_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert bt_lake.open().path == tmp_path / "lake"
    monkeypatch.setenv("BT_LAKE", str(tmp_path / "other"))
    assert bt_lake.open().path == tmp_path / "other"
    assert bt_lake.open(tmp_path / "mine").path == tmp_path / "mine"
    assert list(tmp_path.iterdir()) == [], "opening makes nothing"


@pytest.mark.parametrize("name", READING)
def test_every_reading_method_takes_every_filter(name):
    kinds = {p.name: p for p in inspect.signature(getattr(Lake, name)).parameters.values()}
    assert kinds["filters"].kind is inspect.Parameter.VAR_KEYWORD
    assert set(Given.__annotations__) == set(Filters.__dataclass_fields__)


def test_an_unknown_filter_gets_near_matches(golden):
    for call in (golden.lake.runs, lambda **f: golden.lake.best("cagr", **f)):
        with pytest.raises(UnknownName, match="Did you mean symbol"):
            call(symbl="AAPL")


def test_a_lake_that_is_not_there_says_so(tmp_path):
    lake = Lake(tmp_path / "none")
    with pytest.raises(NotFound, match="bt-lake init"):
        lake.runs()
    assert not (tmp_path / "none").exists()


def test_the_line_in_ones_own_script(tmp_path):
    lake = bt_lake.open(tmp_path / "lake")
    run_id = lake.save(strategy="sma_cross", params={"fast": 10}, metrics={"sharpe_ratio": 1.5})
    with lake.batch() as batch:
        for fast in (20, 30):
            batch.save(strategy="sma_cross", params={"fast": fast}, metrics={"sharpe_ratio": 2.0})
    with pytest.raises(ZeroDivisionError), lake.record(strategy="broken"):
        raise ZeroDivisionError("no bars")
    assert lake.runs()["status"].to_list().count("failed") == 1
    assert lake.best("sharpe_ratio", 1)["sharpe_ratio"].to_list() == [2.0]
    assert lake.run(run_id[-12:]).params == {"fast": 10}
    assert lake.check().findings == []
    assert lake.compact(grace_s=0)
    assert lake.runs().height == 4


@pytest.mark.slow
def test_what_one_lake_saves_another_reader_sees_at_once(tmp_path):
    mine, other = Lake(tmp_path / "lake"), Lake(tmp_path / "lake")
    for number in range(1, 30):
        mine.save(strategy="s", metrics={"sharpe_ratio": number})
        assert other.best("sharpe_ratio", 1)["sharpe_ratio"].item() == number
        assert other.runs().height == number


@pytest.mark.slow
def test_marks_are_made_by_ids_or_filters(tmp_path):
    lake = Lake(tmp_path / "lake")
    a, b, c = (lake.save(strategy=s, run_id=f"run-{s}") for s in "abc")
    assert lake.tag("paper", [a, "run-b"]) == 2
    assert lake.untag("paper", a) == 1
    assert lake.runs(tag="paper")["run_id"].to_list() == [b]
    assert lake.note("odd fills", strategy=["b", "c"]) == 2
    assert lake.note("again", b) == 1
    assert lake.run(b).row["notes"] == "odd fills\nagain"
    assert lake.delete(tag="paper") == 1
    assert lake.runs(sort="run_id", ascending=True)["run_id"].to_list() == [a, c]
    assert lake.best("sharpe_ratio").is_empty()
    assert lake.sql("select count(*) from trials").item() == 3
    assert lake.restore(strategy="b") == 1
    assert lake.runs().height == 3
    assert lake.delete("b") == 1 and lake.restore("run-b") == 1
    with pytest.raises(bt_lake.errors.NotFound, match="no run has strategy 'none'"):
        lake.tag("x", strategy="none")


@pytest.mark.parametrize("method", ["delete", "restore"])
def test_a_mark_on_everything_needs_to_be_said(golden, method):
    with pytest.raises(BadInput, match="which runs"):
        getattr(golden.lake, method)()
    with pytest.raises(BadInput, match="not both"):
        getattr(golden.lake, method)("x", strategy="momentum")
    with pytest.raises(BadInput, match="which runs"):
        getattr(golden.lake, method)(strategy=None)


def test_scan_gives_the_rows_of_now(golden):
    scanned = golden.lake.scan("runs").sort("run_id").collect()
    shown = golden.lake.runs(sort="run_id", ascending=True)
    names = [n for n in shown.columns if n not in ("reported", "extra")]
    assert scanned.select(names).equals(shown.select(names))
    one = golden.lake.scan().filter(pl.col("strategy") == "momentum").select("tags").collect()
    assert one.height == sum(row["strategy"] == "momentum" for row in golden.rows)
    points = golden.lake.scan("equity").select(pl.len()).collect().item()
    assert points == golden.lake.sql("select count(*) from lake_curves").item()
    assert golden.lake.scan("events").collect().height > 0
    with pytest.raises(UnknownName, match="equity"):
        golden.lake.scan("equty")


def test_scan_of_files_that_lack_columns(tmp_path):
    lake = Lake(tmp_path / "lake")
    lake.save(strategy="a")
    lake.save(strategy="b", symbol="AAPL", metrics={"my": 1.0})
    frame = lake.scan().sort("strategy").collect()
    assert frame["symbol"].to_list() == [None, "AAPL"]
    assert lake.scan("trades").collect().is_empty()


def test_sql_gives_frames_with_times_in_utc(golden):
    frame = golden.lake.sql("select created_at from runs order by 1 limit 1")
    assert frame.schema["created_at"] == pl.Datetime("us", "UTC")
    assert frame.item() == min(row["created_at"] for row in golden.rows)
    assert isinstance(frame.item(), datetime) and frame.item().tzinfo is not None
    assert golden.rows[0]["created_at"].tzinfo is UTC


@pytest.mark.slow
def test_threads_may_share_a_lake(golden):
    want = golden.lake.best("sharpe_ratio")

    def ask(number: int) -> bool:
        if number % 2:
            return golden.lake.best("sharpe_ratio").equals(want)
        return golden.lake.runs(n=7).height == 7

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(64)))


def best_ids(lake: Lake) -> list[str]:
    return lake.best("sharpe_ratio", 3)["run_id"].to_list()


def save_and_count(lake: Lake) -> int:
    lake.save(strategy="from a worker", equity=[("2024-01-01", 100.0), ("2024-01-02", 101.0)])
    [(count,)] = lake.reader.ask(lambda c: c.execute("select count(*) from runs").fetchall())
    return count


@pytest.mark.slow
def test_a_spawned_process_may_be_given_a_lake(golden):
    want = best_ids(golden.lake)
    with get_context("spawn").Pool(1) as pool:
        assert pool.apply_async(best_ids, [golden.lake]).get(timeout=60) == want


@pytest.mark.skipif("fork" not in get_all_start_methods(), reason="this system does not fork")
def test_a_forked_process_may_save_to_the_lake_its_parent_reads(tmp_path):
    """polars itself cannot be used after a fork; everything up to the frame can."""
    lake = Lake(tmp_path / "lake")
    lake.save(strategy="from the parent", equity=[("2024-01-01", 100.0)])
    assert lake.runs().height == 1
    with get_context("fork").Pool(1) as pool:
        assert pool.apply_async(save_and_count, [lake]).get(timeout=60) == 2


def test_a_stream_whose_files_vanish_ends_with_a_clear_error(tmp_path):
    from bt_lake.queries.listing import listing

    lake = Lake(tmp_path / "lake")
    for letter in "abc":
        lake.store.append(frames(run_ids=[f"{letter}{n:05d}" for n in range(9000)], points=1))
    stream = listing(lake.reader, n=None, columns=["run_id"], sort="run_id").chunks(10)
    lake.runs(n=1)
    lake.compact(grace_s=0)
    with contextlib.suppress(Conflict):  # what was read ahead may be all
        assert sum(map(len, stream)) == 27_000


def test_a_stream_does_not_block_other_questions(golden):
    from bt_lake.queries.raw import sql

    stream = sql(golden.lake.reader, "from range(100_000)").chunks(10)
    assert next(stream) == [(n,) for n in range(10)]
    assert golden.lake.runs(n=1).height == 1
    assert sum(map(len, stream)) == 100_000 - 10
    abandoned = sql(golden.lake.reader, "from range(100_000)").chunks(10)
    next(abandoned)
    abandoned.close()
    assert golden.lake.runs(n=1).height == 1


def test_keywords_of_save_are_the_columns_of_the_schema():
    derived = {"commit_id", "ingested_at", "params_hash", "metrics_from", "sealed"}
    assert set(RunKeywords.__annotations__) == (KEYS - derived) | {"metric"}


def test_keywords_of_run_sweep_are_those_of_a_plan():
    taken = set(inspect.signature(plan).parameters) - {"function", "grid", "told"}
    assert set(Options.__annotations__) == taken | set(TOLD)


def test_every_error_can_be_caught_by_name():
    from bt_lake.warehouse import errors

    tree = {n for n, e in vars(errors).items() if isinstance(e, type) and issubclass(e, LakeError)}
    public = bt_lake.errors
    assert set(public.__all__) == tree | {"IngestStopped"}
    assert all(issubclass(getattr(public, name), bt_lake.LakeError) for name in public.__all__)


def test_parameters_asked_for_are_numbers_where_all_of_them_are(tmp_path):
    lake = Lake(tmp_path / "lake")
    for fast, stop, code in ((5, 0.5, "007"), (10, None, "1"), (20, 1, "2")):
        params = {"fast": fast, "stop": stop, "code": code, "on": True}
        lake.save(strategy="s", params=params, metrics={"sharpe_ratio": fast})
    names = ["param.fast", "param.stop", "param.code", "param.on"]
    frame = lake.best("sharpe_ratio", columns=names)
    assert frame["param.fast"].to_list() == [20, 10, 5]
    assert frame["param.stop"].to_list() == [1.0, None, 0.5]
    assert frame["param.code"].to_list() == ["2", "1", "007"]
    assert frame["param.on"].to_list() == ["true"] * 3
    assert lake.runs(sort="param.fast", columns=names).equals(frame.drop("rank"))
    assert lake.aggregate("param.fast")["param.fast"].dtype == pl.Int64


def test_runs_may_come_as_any_iterable(golden):
    best = golden.lake.best("sharpe_ratio", 2)["run_id"]
    assert golden.lake.compare(best).ids == golden.lake.compare(*best).ids == best.to_list()
    assert golden.lake.equity(best).equals(golden.lake.equity(best.to_list()))
    assert golden.lake.runs(columns="run_id").columns == ["run_id"]
    for odd in (3, None, golden.lake.runs()):
        with pytest.raises(BadInput, match="a run is named by its id"):
            golden.lake.compare([odd])


def test_bad_values_get_an_error_that_names_them(golden):
    with pytest.raises(BadInput, match="n must be at least 1, not '3'"):
        golden.lake.best("sharpe_ratio", n="3")
    for mark in (golden.lake.tag, golden.lake.untag, golden.lake.note):
        with pytest.raises(BadInput, match=f"{mark.__name__}: the text is empty"):
            mark(" ", strategy="momentum")


def test_forgotten_runs_are_no_trials(tmp_path):
    lake = Lake(tmp_path / "lake")
    for name in "abc":
        lake.save(strategy=name, run_id=f"run-{name}")
    lake.delete(strategy="a")
    assert lake.delete(["run-a", "run-b"], forget=True) == 2
    assert lake.sql("select run_id from trials")["run_id"].to_list() == ["run-c"]


@pytest.mark.slow
def test_what_is_shown_of_results(golden, tmp_path):
    lake = Lake(tmp_path / "lake")
    with lake.batch() as batch:
        ids = batch.save([{"strategy": "a"}, {"strategy": "b"}])
        assert repr(batch) == "Batch(0 saved, 2 pending)"
    with lake.record(strategy="c") as run:
        run.result = {"metrics": {"score": 1.0}}
    assert repr(run) == f"Recording(run_id='{run.run_id}', columns={sorted(run.columns)})"
    lake.export(tmp_path / "runs.csv")
    report = Lake(tmp_path / "other").ingest(tmp_path / "runs.csv")
    assert repr(report) == "IngestReport(1 of 1 files: added=3, skipped=0, failed=0, ignored=0)"
    assert lake.runs(n=1, strategy="a")["run_id"].item() == ids[0]
    grid = golden.lake.sweep("sma_cross", "fast", "slow")
    assert grid._repr_html_() == grid.plot().svg()
    report = golden.lake.overfit(strategy="momentum", bootstraps=100)
    assert repr(report) == str(report) and report.verdict.split()[0] in repr(report)


FORKING = """
import sys
from multiprocessing import get_context
from bt_lake.lake import Lake

lake = Lake(sys.argv[1])
lake.save(strategy="parent", run_id="parent")
count = lambda c: c.execute("select count(*) from runs").fetchall()[0][0]
assert lake.store.ask(count) == 1
ours = lake.store._database.connection

def inside():
    lake.save(strategy="child", run_id="child")
    mine = lake.store.ask(count) == 2 and lake.store._database.connection is not ours
    raise SystemExit(0 if mine else 1)

process = get_context("fork").Process(target=inside)
process.start()
process.join(60)
sys.exit(process.exitcode)
"""


@pytest.mark.skipif("fork" not in get_all_start_methods(), reason="this system does not fork")
def test_a_forked_process_opens_a_connection_of_its_own(tmp_path):
    """From a parent that holds nothing else: threads of other tests do not survive a fork."""
    done = subprocess.run([sys.executable, "-c", FORKING, tmp_path / "lake"], timeout=90)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("method", "given", "told"),
    [
        ("best", {"metric": 5}, "metric is a text, not 5"),
        ("best", {"pareto": [1, 2]}, "pareto is names or a text, not [1, 2]"),
        ("runs", {"since": 1.5}, "since is a time, not 1.5"),
        ("runs", {"params": "fast"}, "params is a mapping, not 'fast'"),
        ("equity", {"runs": None}, "runs is ids of runs, not None"),
        ("regimes", {"runs": "x", "by": 5}, "by is one of year, volatility, not 5"),
        ("more", {"runs": ANY, "rf": "x"}, "rf is a number, not 'x'"),
        ("regimes", {"runs": ANY, "spans": 5}, "spans is a text or a path or a frame, not 5"),
        ("drawdowns", {"runs": ANY, "n": "2"}, "n is a whole number, not '2'"),
        ("compare", {"*": (5,)}, "runs is ids of runs, not 5"),
        ("copy", {"source": 5, "target": "x"}, "source is a text or a path, not 5"),
        ("lookup", {"keys": 5}, "a key is a mapping such as {'strategy': 'x'}, not 5"),
    ],
)  # fmt: skip
def test_an_argument_of_a_wrong_type_is_named(golden, method, given, told):
    if given.get("runs") is ANY:
        given = {**given, "runs": golden.lake.best("sharpe_ratio", n=1)["run_id"].to_list()}
    named = {name: value for name, value in given.items() if name != "*"}
    with pytest.raises(BadInput) as error:
        getattr(golden.lake, method)(*given.get("*", ()), **named)
    assert str(error.value) == told


def test_deleted_is_no_filter_of_marks(golden):
    with pytest.raises(BadInput, match="no filter 'deleted'"):
        golden.lake.delete(deleted=True)
