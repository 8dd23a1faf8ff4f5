"""Arguments: as they were given, as the type hints want them, and again the same."""

from __future__ import annotations

import json
import sys
import textwrap
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cli_lake import Cli

import bt_lake
from bt_lake.running.exact import restored, told
from bt_lake.warehouse.errors import BadInput

CODE = """
    from __future__ import annotations
    from dataclasses import dataclass
    from datetime import date, datetime, time, timedelta
    from decimal import Decimal
    from enum import Enum
    from pathlib import Path
    from typing import Annotated, Any, List, Literal, Optional, TYPE_CHECKING
    if TYPE_CHECKING:
        from nowhere import Unknown

    class Mode(Enum):
        FAST = "f"
        SLOW = 2

    @dataclass
    class Stop:
        width: float
        on: date
        kind: Mode = Mode.FAST

    def keep(x):
        with open("called", "a") as file:
            file.write(f"{type(x).__name__} {x!r}\\n")
        return {"metrics": {"sharpe_ratio": 1.0}}

    def an_int(x: int): return keep(x)
    def a_float(x: float): return keep(x)
    def a_bool(x: bool): return keep(x)
    def a_str(x: str): return keep(x)
    def a_literal(x: Literal["a", "b", 3]): return keep(x)
    def a_mode(x: Mode): return keep(x)
    def a_date(x: date): return keep(x)
    def a_datetime(x: datetime): return keep(x)
    def a_time(x: time): return keep(x)
    def a_timedelta(x: timedelta): return keep(x)
    def a_path(x: Path): return keep(x)
    def a_decimal(x: Decimal): return keep(x)
    def a_list(x: List[int]): return keep(x)
    def a_tuple(x: tuple[int, float]): return keep(x)
    def tuples(x: tuple[str, ...]): return keep(x)
    def a_dict(x: dict[str, float]): return keep(x)
    def a_set(x: set[int]): return keep(sorted(x))
    def optional(x: Optional[date] = None): return keep(x)
    def union(x: int | str): return keep(x)
    def by_default(x: int = None): return keep(x)
    def noted(x: Annotated[int, "bars"]): return keep(x)
    def a_stop(x: Stop): return keep(x)
    def unknown(x: Unknown): return keep(x)
    def anything(x): return keep(x)
    def spans(x: int, symbol: Literal["A", "B"] = "A", start: date | None = None): return keep(start)
    def appends(n, xs):
        xs.append(99)
        xs[0]["inner"] = n
        return {"metrics": {"sharpe_ratio": float(n * len(xs))}}
"""


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bt_lake.Lake:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "args.py").write_text(textwrap.dedent(CODE))
    return bt_lake.open(tmp_path / "lake")


@pytest.fixture
def cli(lake: bt_lake.Lake, capsys) -> Cli:
    return Cli(lake.path, capsys)


def called(lake: bt_lake.Lake) -> list[str]:
    file = lake.path.parent / "called"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


GOOD = [
    ("an_int", "5", "int 5"),
    ("an_int", "1e3", "int 1000"),
    ("a_float", "1", "float 1.0"),
    ("a_float", ".5", "float 0.5"),
    ("a_bool", "yes", "bool True"),
    ("a_bool", "0", "bool False"),
    ("a_str", "1e5", "str '1e5'"),
    ("a_str", "true", "str 'true'"),
    ("a_str", "null", "str 'null'"),
    ("a_str", '"5"', "str '5'"),
    ("a_literal", "b", "str 'b'"),
    ("a_literal", "3", "int 3"),
    ("a_mode", "FAST", "Mode <Mode.FAST: 'f'>"),
    ("a_mode", "2", "Mode <Mode.SLOW: 2>"),
    ("a_date", "2024-01-31", "date datetime.date(2024, 1, 31)"),
    ("a_datetime", "2024-01-31T09:30", "datetime datetime.datetime(2024, 1, 31, 9, 30)"),
    ("a_time", "09:30", "time datetime.time(9, 30)"),
    ("a_timedelta", "90", "timedelta datetime.timedelta(seconds=90)"),
    ("a_path", "a/b.csv", "PosixPath PosixPath('a/b.csv')"),
    ("a_decimal", "0.10", "Decimal Decimal('0.1')"),
    ("a_list", "1,2", "list [1, 2]"),
    ("a_list", "[1, 2.0]", "list [1, 2]"),
    ("a_tuple", "1,2", "tuple (1, 2.0)"),
    ("tuples", "a,b,c", "tuple ('a', 'b', 'c')"),
    ("a_dict", '{"a": 1}', "dict {'a': 1.0}"),
    ("a_set", "3,1,3", "list [1, 3]"),
    ("optional", "null", "NoneType None"),
    ("optional", "2024-01-31", "date datetime.date(2024, 1, 31)"),
    ("union", "5", "int 5"),
    ("union", "five", "str 'five'"),
    ("by_default", "null", "NoneType None"),
    ("noted", "5", "int 5"),
    ("a_stop", '{"width": 2, "on": "2024-01-31", "kind": 2}',
     "Stop Stop(width=2.0, on=datetime.date(2024, 1, 31), kind=<Mode.SLOW: 2>)"),
    ("unknown", "5", "int 5"),
    ("anything", "1e5", "float 100000.0"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("function", "text", "got"), GOOD)
def test_a_text_becomes_what_the_hint_says_and_comes_back_the_same(cli, lake, function, text, got):
    ran = cli("run", f"args.py:{function}", "-p", f"x={text}", "-f", "json")
    assert ran.code == 0, ran.err
    assert called(lake) == [got]
    assert lake.reproduce(json.loads(ran.out)["run_id"]).same
    assert called(lake) == [got]


BAD = [
    ("an_int", "1.5", "a whole number"),
    ("an_int", "five", "a whole number"),
    ("an_int", "true", "a whole number"),
    ("a_float", "abc", "a number"),
    ("a_bool", "maybe", "true or false"),
    ("a_literal", "c", "one of a, b, 3"),
    ("a_mode", "MEDIUM", "one of FAST, SLOW"),
    ("a_date", "2024-13-01", "a date such as 2024-01-31"),
    ("a_datetime", "soon", "a time such as 2024-01-31T09:30"),
    ("a_time", "25:00", "a time of day such as 09:30"),
    ("a_timedelta", "long", "a number of seconds"),
    ("a_decimal", "x", "a number"),
    ("a_list", "1,x", "a list, each a whole number"),
    ("a_tuple", "1", "a list of a whole number, a number (it has 1 parts)"),
    ("a_dict", "1", "an object in JSON"),
    ("optional", "x", "a date such as 2024-01-31, or null"),
    ("a_stop", '{"width": 2}', "an object in JSON with width, on, kind (on is missing)"),
    ("a_stop", '{"widht": 2}', "(it has no widht. Did you mean width?)"),
    ("a_stop", '{"width": "x", "on": "2024-01-31"}', "(width is a number)"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "text", "words"), BAD)
def test_a_text_that_does_not_fit_is_refused_before_anything_runs(cli, lake, function, text, words):
    for option in ("-p", "-g"):
        listed = f"[{text}]" if text[:1] == "{" and option == "-g" else text
        if option == "-g" and "," in text and text[:1] != "{":
            listed = f'["{text}"]'
        ran = cli("run", f"args.py:{function}", option, f"x={listed}", "-j", 1)
        told = " ".join(ran.err.split())
        assert (ran.code, ran.out) == (2, ""), told
        assert "x: " in told and "does not fit" in told and words in told
    assert not called(lake) and not lake.path.exists()


def test_labels_and_windows_are_as_the_hints_want_them(cli, lake):
    assert cli("run", "args.py:spans", "-p", "x=1", "--start", "2024-02-03").code == 0
    assert called(lake) == ["date datetime.date(2024, 2, 3)"]
    ran = cli("run", "args.py:spans", "-g", "x=1,2", "--symbol", "A,C")
    assert ran.code == 2 and "symbol: 'C' does not fit; args.py:spans takes one of A, B" in ran.err
    assert not called(lake)


@pytest.mark.slow
def test_grids_are_read_by_the_hints(cli, lake):
    asked = {
        "a_str": "007,1e5,true,1:2:3",
        "a_float": "1:3:1",
        "a_date": "2024-01-30:2024-02-01:1",
        "a_mode": "FAST,SLOW",
        "a_list": "[[1,2],[3]]",
    }
    got = {
        "a_str": ["str '007'", "str '1:2:3'", "str '1e5'", "str 'true'"],
        "a_float": ["float 1.0", "float 2.0", "float 3.0"],
        "a_date": [f"date datetime.date(2024, {m}, {d})" for m, d in ((1, 30), (1, 31), (2, 1))],
        "a_mode": ["Mode <Mode.FAST: 'f'>", "Mode <Mode.SLOW: 2>"],
        "a_list": ["list [1, 2]", "list [3]"],
    }
    for function, grid in asked.items():
        ran = cli("run", f"args.py:{function}", "-g", f"x={grid}", "-j", 1)
        assert ran.code == 0, ran.err
        assert sorted(called(lake)) == got[function]
    again = cli("run", "args.py:a_float", "-g", "x=1:3:1")
    assert "3 were before" in again.err and not called(lake)


def test_models_of_pydantic_are_checked_by_pydantic(cli, lake, tmp_path):
    pytest.importorskip("pydantic", reason="an extra of the user's own")
    (tmp_path / "models.py").write_text(
        "from typing import Annotated\nfrom pydantic import BaseModel, Field\n"
        "class Exit(BaseModel):\n    stop: float = Field(gt=0)\n    bars: int = 5\n"
        "def run(x: Exit, n: Annotated[int, Field(ge=1)] = 1):\n"
        "    return {'metrics': {'sharpe_ratio': x.stop * n}}\n"
    )
    ran = cli("run", "models.py:run", "-p", 'x={"stop": 0.5}', "-p", "n=2", "-f", "json")
    row = json.loads(ran.out)
    assert row["sharpe_ratio"] == 1.0
    assert lake.run(row["run_id"]).row["params"] == {"x": {"stop": 0.5, "bars": 5}, "n": 2}
    assert lake.reproduce(row["run_id"]).same
    for option, words in (('x={"stop": -1}', "stop: Input should be greater than 0"),
                          ("x=1", "Exit")):  # fmt: skip
        refused = cli("run", "models.py:run", "-p", option)
        assert refused.code == 2 and words in " ".join(refused.err.split())
    refused = cli("run", "models.py:run", "-p", 'x={"stop": 1}', "-p", "n=0")
    assert refused.code == 2 and "greater than or equal to 1" in refused.err


@pytest.mark.slow
def test_params_are_kept_as_they_were_passed(cli, lake):
    asked = ("run", "args.py:appends", "-g", "n=1:2:1", "-p", 'xs=[{"inner": 0}]', "-j", 2)
    for before in (0, 2, 2):
        ran = cli(*asked)
        assert ran.code == 0 and (f"{before} were before" in ran.err) == (before > 0)
    rows = lake.runs()
    assert {json.loads(each)["xs"][0]["inner"] for each in rows["params"]} == {0}
    assert rows.height == 2 and sorted(rows["sharpe_ratio"]) == [2.0, 4.0]
    assert lake.reproduce(rows["run_id"][0]).same
    mine = [{"inner": 0}]
    lake.run_once("args.py:appends", params={"n": 3, "xs": mine})
    assert mine == [{"inner": 0}]
    assert '"xs":[{"inner":0}]' in lake.runs(n=1)["params"][0]


VALUES = [
    10.0, 10, date(2024, 1, 31), datetime(2024, 1, 31, 9, 30), (1, 2.0), [1.0, [2]], {"a": (1,)},
    Path("a/b"), Decimal("0.10"), {3, 1}, 0.1, "text", None, True,
]  # fmt: skip


@pytest.mark.slow
def test_without_hints_values_come_back_as_they_were_given(lake):
    for value in VALUES:
        run_ids, error = lake.run_once("args.py:anything", params={"x": value})
        assert error is None
        first = called(lake)
        assert lake.reproduce(run_ids[0]).same
        assert first == called(lake) == [f"{type(value).__name__} {value!r}"]


@pytest.mark.slow
def test_enums_of_a_sweep_are_reproduced(lake, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "args", raising=False)
    import args  # type: ignore[import-not-found]

    swept = lake.run_sweep(args.anything, {"x": [args.Mode.FAST, args.Mode.SLOW]}, jobs=2)
    assert swept.failed == 0
    first = sorted(called(lake))
    assert first == ["Mode <Mode.FAST: 'f'>", "Mode <Mode.SLOW: 2>"]
    for run_id in swept.run_ids:
        assert lake.reproduce(run_id).same
    assert sorted(called(lake)) == first


def test_arrays_are_arrays_again():
    value = np.array([[1.0, 2.0], [3.0, 4.0]], dtype="f4")
    back = restored(json.loads(json.dumps(told(value))), {})
    assert back.dtype == value.dtype and (back == value).all()


@pytest.mark.parametrize(
    "said",
    [
        {"enum": ["os", "system", "x"]},
        {"enum": ["subprocess", "Popen", "x"]},
        {"array": ["O", [1]]},
        {"array": [["U999999999"], ["a"]]},
        {"fraction": "1e999999999"},
        {"nothing": 1},
        {"date": "never"},
        {"a": 1, "b": 2},
    ],
)
def test_what_a_lake_says_of_a_value_runs_nothing(said):
    if said == {"array": ["O", [1]]}:
        assert restored(said, {}).tolist() == [1]
        return
    with pytest.raises(BadInput, match="is no value that was kept"):
        restored(said, {"os": SimpleNamespace(system=Enum)})


def test_a_function_tells_what_it_takes(cli, lake):
    ran = cli("run", "--help-function", "args.py:spans", "-f", "json")
    assert ran.code == 0 and not lake.path.exists()
    assert json.loads(ran.out) == [
        {"name": "x", "type": "int", "takes": "a whole number", "default": None},
        {"name": "symbol", "type": "Literal['A', 'B']", "takes": "one of A, B", "default": '"A"'},
        {
            "name": "start",
            "type": "datetime.date | None",
            "takes": "a date such as 2024-01-31, or null",
            "default": "null",
        },
    ]
    table = cli("run", "args.py:spans", "--help-function")
    assert table.code == 0 and "whole number" in table.out
    assert [each.name for each in lake.parameters("args.py:spans")] == ["x", "symbol", "start"]
    assert cli("run", "--help-function", "args.py:nothing").code == 2
