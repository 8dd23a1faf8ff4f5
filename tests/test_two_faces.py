"""The command line and Python are two faces of one lake: the same answers, the same refusals."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pytest
from cli_lake import Cli, run_id

import bt_lake
from bt_lake.cli import registry
from bt_lake.cli.registry import COMMANDS
from bt_lake.lake import Lake
from bt_lake.questions import Questions
from bt_lake.warehouse.errors import LakeError

pytest_plugins = ["cli_fixtures"]

METHODS = {
    "init": "create", "ingest": "ingest", "import": "import_store", "run": "run_sweep",
    "reproduce": "reproduce", "list": "runs", "best": "best", "show": "run", "compare": "compare", "report": "report",
    "stability": "stability", "regimes": "regimes", "live": "live", "pick": "pick", "importance": "importance", "portfolio": "portfolio", "simulate": "simulate",
    "aggregate": "aggregate", "sweep": "sweep", "overfit": "overfit", "equity": "equity",
    "trades": "trades", "lookup": "lookup", "metrics": "metrics", "sql": "sql", "shell": "connect",
    "export": "export", "tag": "tag", "note": "note", "delete": "delete", "restore": "restore",
    "info": "info", "check": "check", "compact": "compact", "walkforward": "walkforward",
    "decay": "decay", "study": "study", "history": "history", "certify": "certify", "recompute": "recompute", "backup": "backup", "recover": "recover", "merge": "merge",
    "delta": "delta", "copy": "copy",
}  # fmt: skip
# A tour of the other commands, a look at the machine, and a face of its own.
OF_A_TERMINAL = {"demo", "doctor", "mcp", "page"}
# Methods that no command calls, and what there is in their place.
OF_PYTHON = {
    "ask": "answers before they are rows: commands call it, and write the rows",
    "connect": "a connection of DuckDB: `shell` starts DuckDB's own",
    "drawdowns": "`sql \"from drawdowns('<run_id>')\"`",
    "enrich": "a frame with columns more: `lookup --keys`",
    "facets": "the page's counts beside a filter: `aggregate`",
    "histogram": "the page's: `sql` with a group by",
    "interrupt": "Ctrl-C",
    "live_files": "for other readers: `delta`, or lake.sql in the duckdb shell",
    "optuna_callback": "is called by Optuna, in the process of the search",
    "path": "--lake",
    "reader": "what commands ask through, begun before the lake",
    "record": "around a function of the caller's: `run`",
    "relative": "a run beside its benchmark, over time: its sums are columns, `best beta`",
    "returns": "of a curve: `equity`, and `sql` over it",
    "rolling": "the page draws it",
    "scan": "a lazy frame of polars: `export`",
    "short_ids": "tables show them",
    "stamp": "tells the page that something has changed",
}
CODES = {
    2: {"LakeError", "BadInput", "UnknownName", "Ambiguous", "Duplicate", "BudgetSpent", "MissingExtra", "IngestStopped"},
    3: {"NotFound"},
    4: {"Damaged", "FormatTooNew", "CannotRead", "CannotWrite", "Unconfirmed", "Conflict"},
    5: {"Busy"},
    130: {"Interrupted"},
}  # fmt: skip

REFUSED = [
    (["restore", "03"], lambda lake: lake.restore("03")),
    (["delete", "--strategy", "nope", "--yes"], lambda lake: lake.delete(strategy="nope")),
    (["tag", "t", "--symbol", "nope", "-y"], lambda lake: lake.tag("t", symbol="nope")),
    (["note", "t", "nope"], lambda lake: lake.note("t", "nope")),
    (["delete", "--yes"], lambda lake: lake.delete()),
    (["tag", "t", "03", "--symbol", "X"], lambda lake: lake.tag("t", "03", symbol="X")),
    (["show", "nope"], lambda lake: lake.run("nope")),
    (["show", "0"], lambda lake: lake.run("0")),
    (["compare", "03", "nope"], lambda lake: lake.compare("03", "nope")),
    (["report", "nope", "-o", "x.html"], lambda lake: lake.report("nope")),
    (["report", "-o", "x.html"], lambda lake: lake.report()),
    (["best", "sharp"], lambda lake: lake.best("sharp")),
    (["list", "--sort", "sharp"], lambda lake: lake.runs(sort="sharp")),
    (["aggregate", "--by", "sybol"], lambda lake: lake.aggregate("sybol")),
    (["sweep", "sma_cross", "-x", "fats"], lambda lake: lake.sweep("sma_cross", "fats")),
    (["equity", "nope"], lambda lake: lake.equity("nope")),
    (["trades", "nope"], lambda lake: lake.trades("nope")),
    (["sql", "select 1 +"], lambda lake: lake.sql("select 1 +")),
    (["list", "--where", "sharp > 1"], lambda lake: lake.runs(where="sharp > 1")),
    (["ingest", "nope.json"], lambda lake: lake.ingest("nope.json")),
    (["import", "sqlite", "nope.db"], lambda lake: lake.import_store("sqlite", "nope.db")),
    (["run", "nope.py:run"], lambda lake: lake.run_once("nope.py:run")),
    (["reproduce", "03"], lambda lake: lake.reproduce("03")),
]  # fmt: skip


def called_by_commands() -> dict[str, set[str]]:
    """Attributes of the lake, or of `lake.ask`, and the files of the command line that use them."""
    called: dict[str, set[str]] = {}
    for path in Path(registry.__file__).parent.rglob("*.py"):
        for name in re.findall(r"\b(?:lake(?:\.ask)?|ask)\.(\w+)", path.read_text("utf-8")):
            called.setdefault(name, set()).add(path.stem)
    return called


def test_every_command_has_its_method():
    places = {name: place for part in COMMANDS.values() for name, place in part.items()}
    assert places.keys() - OF_A_TERMINAL == METHODS.keys(), "name the method the new command calls"
    called = called_by_commands()
    for command, method in METHODS.items():
        assert callable(getattr(Lake, method)), command
        file = "sweepbar" if command == "run" else places[command].partition(":")[0]
        assert method in OF_PYTHON or file in called[method], f"{command} does not call {method}"


def test_every_method_has_its_command():
    """A new method: is there a command, or an option of one, that calls it; if not, why?"""
    methods = {name for name in dir(Lake) if not name.startswith("_")}
    assert methods - called_by_commands().keys() == OF_PYTHON.keys()


@pytest.mark.parametrize("name", bt_lake.errors.__all__)
def test_every_error_ends_a_command_with_its_exit_code(cli: Cli, monkeypatch, name):
    kind = getattr(bt_lake.errors, name)

    def refuse(lake: Lake) -> None:
        raise kind.__new__(kind, "this is why")

    monkeypatch.setattr(Lake, "info", refuse)
    said = cli("info")
    (code,) = (code for code, names in CODES.items() if name in names)
    assert (said.code, kind.exit_code, said.out) == (code, code, "")
    assert "this is why" in said.err and "Traceback" not in said.err
    small = (Path(__file__).parent.parent / "docs" / "smallprint.md").read_text("utf-8")
    assert f"| {code} | " in small, "docs/smallprint.md lists the exit codes"


def test_a_lazy_question_takes_what_its_method_takes():
    for name, method in inspect.getmembers(Questions, inspect.isfunction):
        if name.startswith("_") or name == "lookup":
            continue
        wanted = inspect.signature(getattr(Lake, name)).parameters
        assert list(inspect.signature(method).parameters) == list(wanted), name


@pytest.mark.parametrize("asked, method", REFUSED, ids=[" ".join(asked) for asked, _ in REFUSED])
def test_what_one_refuses_the_other_refuses(own: Cli, asked, method):
    said = own(*asked)
    with pytest.raises(LakeError) as refused:
        method(Lake(own.lake))
    assert said.code == refused.value.exit_code
    assert str(refused.value).splitlines()[0].replace("_", "-") in said.err.replace("_", "-")
    assert "Damaged" not in repr(refused.value.__cause__)


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked, answer",
    [
        (["list"], lambda ask: ask.runs(n=20)),
        (["best", "sharpe_ratio"], lambda ask: ask.best("sharpe_ratio")),
        (["best", "sharpe_ratio", "--deflate"], lambda ask: ask.best("sharpe_ratio", deflate=True)),
        (["aggregate"], lambda ask: ask.aggregate("strategy")),
        (["equity", "07"], lambda ask: ask.equity("07")),
        (["trades", "07"], lambda ask: ask.trades("07")),
        (["sql", "from runs"], lambda ask: ask.sql("from runs")),
        (["lookup", "--symbol", "SYNTH"], lambda ask: ask.lookup({"symbol": "SYNTH"})),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_both_give_the_same_rows(cli: Cli, asked, answer):
    lazy = answer(Lake(cli.lake).ask)
    rows = json.loads(cli(*asked, "-f", "json").out)
    assert [list(row) for row in rows] == [lazy.columns] * len(rows)
    assert [row.get("run_id") for row in rows] == [row.get("run_id") for row in lazy.dicts()]
    assert lazy.table().num_rows == lazy.frame().height == len(rows) > 0


def test_an_answer_tells_its_sql(cli: Cli):
    lake = Lake(cli.lake)
    text = lake.ask.best("sharpe_ratio", 2, symbol="SYNTH").sql()
    assert "-- $" in text and "'SYNTH'" in text and "sharpe_ratio" in text
    assert lake.ask.runs(symbol="SYNTH", n=1).total() == 6


def test_deleted_runs_come_back_once(own: Cli):
    lake = Lake(own.lake)
    assert lake.delete("03") == 1 and lake.run("03").row["deleted_at"] is not None
    assert lake.restore("03") == 1
    with pytest.raises(bt_lake.errors.NotFound, match=f"run {run_id(3)} is not deleted"):
        lake.restore("03")


def test_what_python_lacked(own: Cli):
    lake = Lake(own.lake)
    assert lake.info().runs == 8 and lake.info().files > 0
    assert lake.drift().height == 0
    assert {m.name for m in lake.metrics()} >= {"sharpe_ratio", "my_score"}
    assert lake.sweep("sma_cross", "fast", "slow").plateau() is None
    assert not lake.create()
    assert lake.runs(run_ids=[run_id(2)]).height == 1


def test_what_methods_give_is_public():
    for name in bt_lake.__all__:
        assert getattr(bt_lake, name) is not None
        if name != "errors":
            assert getattr(bt_lake, name).__doc__ or name == "__version__", name
