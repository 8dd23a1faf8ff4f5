"""CSV and JSON: raw values, times in UTC, structure kept."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_lake.cli.writers import csv_text, dumps, json_text
from bt_lake.wording.plain import plain

COLUMNS = ["run_id", "sharpe_ratio", "created_at", "tags", "params", "extra", "ok"]
ROW = (
    'a "quoted", id',
    1.9200000000000002,
    datetime(2026, 11, 19, 14),
    ["q4", "x"],
    '{"fast":10,"nested":{"a":[1]}}',
    {"my_score": 7.5},
    True,
)
EMPTY = (None,) * len(COLUMNS)


def test_csv_bytes():
    assert "".join(csv_text(COLUMNS, [ROW, EMPTY])) == (
        "run_id,sharpe_ratio,created_at,tags,params,extra,ok\n"
        '"a ""quoted"", id",1.9200000000000002,2026-11-19T14:00:00Z,"[""q4"",""x""]",'
        '"{""fast"":10,""nested"":{""a"":[1]}}","{""my_score"":7.5}",true\n'
        ",,,,,,\n"
    )


def test_json_is_an_array_with_a_line_for_each_row():
    text = "".join(json_text(COLUMNS, [ROW, EMPTY]))
    assert text.count("\n") == 4
    first, second = json.loads(text)
    assert first["params"] == {"fast": 10, "nested": {"a": [1]}}
    assert first["created_at"] == "2026-11-19T14:00:00Z"
    assert first["tags"] == ["q4", "x"]
    assert first["sharpe_ratio"] == 1.9200000000000002
    assert set(second.values()) == {None}


def test_no_rows_are_an_empty_answer_in_every_format():
    assert "".join(csv_text(["a", "b"], [])) == "a,b\n"
    assert json.loads("".join(json_text(["a"], []))) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (datetime(2026, 1, 1, 1, tzinfo=UTC), "2026-01-01T01:00:00Z"),
        (datetime(2026, 1, 1, 1, 2, 3, 4), "2026-01-01T01:02:03.000004Z"),
        (date(2026, 1, 1), "2026-01-01"),
        (Decimal("10"), 10),
        (Decimal("0.5"), 0.5),
        (Decimal("NaN"), "NaN"),
        ({"b"}, ["b"]),
        (np.int32(3), 3),
        (b"\x01\xff", "01ff"),
        ({1: (1, float("nan"))}, {"1": [1, None]}),
    ],
)
def test_plain_values(value: object, shown: object):
    assert plain(value) == shown


@given(st.lists(st.tuples(st.text(), st.integers(), st.floats(allow_nan=False))))
def test_what_csv_holds_reads_back(rows: list):
    text = "".join(csv_text(["t", "i", "f"], rows, raw=True))
    back = list(csv.reader(io.StringIO(text, newline="")))[1:]
    finite = [abs(f) != float("inf") for _, _, f in rows]
    assert [(t, int(i)) for t, i, _ in back] == [(t, i) for t, i, _ in rows]
    assert [float(f) for (_, _, f), ok in zip(back, finite, strict=True) if ok] == [
        f for (_, _, f), ok in zip(rows, finite, strict=True) if ok
    ]


@pytest.mark.slow
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_what_json_holds_reads_back(value: object):
    assert json.loads(dumps(value)) == value


def test_csv_of_columns_of_mixed_and_unbounded_values():
    rows = [(1.5, True, None), (float("inf"), "x", 1), (float("nan"), [1], "2.5")]
    assert "".join(csv_text(["a", "b", "c"], rows)) == "a,b,c\n1.5,true,\n,x,1\n,[1],2.5\n"


def test_a_file_that_was_there_stays_until_the_new_one_is_whole(tmp_path):
    """Killed in the middle of writing: what was there before is there still, whole."""
    target = tmp_path / "answer.csv"
    target.write_text("before\n")
    script = f"""
import os, signal
from pathlib import Path
from bt_lake.cli.output import Output
def rows():
    yield (1,)
    os.kill(os.getpid(), signal.SIGKILL)
Output(path=Path({str(target)!r})).rows(["n"], rows())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert done.returncode == -9
    assert target.read_text() == "before\n"
