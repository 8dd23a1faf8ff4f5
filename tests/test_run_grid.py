"""Grids, conditions, windows and values as people type them."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from bt_lake.running.axes import axis
from bt_lake.running.conditions import Condition
from bt_lake.running.grid import Grid
from bt_lake.running.windows import walk_forward, windows
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.values import value


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("5:25:5", [5, 10, 15, 20, 25]),
        ("5:24:5", [5, 10, 15, 20]),
        ("20:5:-5", [20, 15, 10, 5]),
        ("-1:1:1", [-1, 0, 1]),
        ("0.1:0.5:0.1", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("1:2:0.5", [1.0, 1.5, 2.0]),
        ("1:1000:log4", [1, 10, 100, 1000]),
        ("0.001:1:log4", [0.001, 0.01, 0.1, 1.0]),
        ("1:10:log5", [1, 2, 3, 6, 10]),
        ("1:3:log9", [1, 2, 3]),
        ("50,100,200", [50, 100, 200]),
        ("ema,sma", ["ema", "sma"]),
        ("true,false,null", [True, False, None]),
        ("5:15:5,50", [5, 10, 15, 50]),
        ("09:30,10:00", ["09:30", "10:00"]),
        ('["a,b", [1, 2]]', ["a,b", [1, 2]]),
        ("7", [7]),
    ],
)
def test_values_of_an_axis(text, values):
    found = axis("x", text)
    assert found == values
    assert [type(v) for v in found] == [type(v) for v in values]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5:50:0", "the step is 0"),
        ("50:5:5", "a step of 5 does not lead from 50 to 5"),
        ("0:1:log3", "positive numbers"),
        ("1:2:log1", "two values or more"),
        ("1:2:wide", "the third part is a step"),
        ("0:1:0.0000001", "more than the 1,000,000 values"),
        ("1:1e400:1", "^grid: x=1:1e400:1: more than the 1,000,000 values"),
        ("[1, 2", r"^grid: x=\[1, 2: .*begins like JSON"),
        ("5:50", r"^grid: x=5:50: .*start:stop:step, .* a text goes in quotes: x='\[\"5:50\"\]'"),
        ("10,9:30", "start:stop:step"),
        ("", "^grid: x=: a value is missing"),
        ("1,,2", "^grid: x=1,,2: a value is missing"),
        ("1,", "a value is missing"),
        ("[]", "has no values"),
    ],
)
def test_axes_that_make_no_sense_say_why(text, words):
    with pytest.raises(BadInput, match=words):
        axis("x", text)


def test_python_gives_values_as_they_are():
    assert axis("x", range(3)) == [0, 1, 2]
    assert axis("x", (0.5, "a")) == [0.5, "a"]
    for single in (5, {"a": 1}):
        with pytest.raises(BadInput, match="give a list of values"):
            axis("x", single)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("10", 10), ("-3", -3), ("1.50", 1.5), ("1e3", 1000.0), ("007", "007"), ("AAPL", "AAPL"),
        ("True", True), ("null", None), ('"10"', "10"), ("[1, 2]", [1, 2]), ('{"a": 1}', {"a": 1}),
        ("nan", "nan"), ("inf", "inf"), ("", ""), ("1_000", "1_000"), ("2024-01-31", "2024-01-31"),
        ("0.5", 0.5), ("-.5", -0.5),
    ],
)  # fmt: skip
def test_values_as_typed(text, wanted):
    found = value(text)
    assert found == wanted and type(found) is type(wanted)


def test_every_combination_that_meets_the_conditions():
    grid = Grid({"fast": "5:15:5", "slow": "10,20"}, ["fast < slow"])
    assert grid.size == 6
    assert grid.combinations({"risk": 1}) == [
        {"risk": 1, "fast": 5, "slow": 10},
        {"risk": 1, "fast": 5, "slow": 20},
        {"risk": 1, "fast": 10, "slow": 20},
        {"risk": 1, "fast": 15, "slow": 20},
    ]


def test_no_axes_are_one_combination():
    assert Grid({}).combinations({"a": 1}) == [{"a": 1}]


def test_random_draws_are_the_same_for_the_same_seed_and_never_twice():
    axes = {"a": "1:1000:1", "b": "1:1000:1", "c": "1:1000:1"}
    drawn = Grid(axes, ["a < b"], random=200, seed=7).combinations({})
    assert drawn == Grid(axes, ["a < b"], random=200, seed=7).combinations({})
    assert drawn != Grid(axes, ["a < b"], random=200, seed=8).combinations({})
    assert len({tuple(each.values()) for each in drawn}) == 200
    assert all(each["a"] < each["b"] for each in drawn)


def test_random_draws_are_all_there_are_if_more_are_wanted():
    drawn = Grid({"a": "1:5:1"}, ["a != 3"], random=50).combinations({})
    assert sorted(each["a"] for each in drawn) == [1, 2, 4, 5]


def test_grids_that_make_no_sense_say_why():
    with pytest.raises(BadInput, match="1,000,000,000 combinations"):
        Grid({"a": "1:1000:1", "b": "1:1000:1", "c": "1:1000:1"})
    with pytest.raises(BadInput, match="no combination of the grid meets a > 9"):
        Grid({"a": "1:5:1"}, ["a > 9"]).combinations({})
    with pytest.raises(BadInput, match="both a single value and a grid"):
        Grid({"a": "1:5:1"}).combinations({"a": 1})
    with pytest.raises(UnknownName, match="no parameter 'fats'. Did you mean fast?"):
        Grid({"fast": "1:5:1"}, ["fats < 3"]).combinations({})
    with pytest.raises(BadInput, match="draw one combination or more"):
        Grid({"a": "1:5:1"}, random=0)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("fast < slow", True),
        ("fast * 2 < slow", False),
        ("2 < fast <= 5 < slow", True),
        ("fast in (5, 7) and not mode == 'ema'", True),
        ("mode in ['sma'] or fast > 100", True),
        ("mode not in ('sma', 'ema')", False),
        ("slow % fast == 4", True),
        ("-fast + slow // 2 == -1", True),
        ("slow / 0 > 1", False),
        ("none == None", True),
        ("fast", True),
    ],
)
def test_conditions(text, holds):
    values = {"fast": 5, "slow": 9, "mode": "sma", "none": None}
    assert Condition(text).holds(values) is holds


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch owned')",
        "fast.__class__.__bases__",
        "(lambda: 1)()",
        "[x for x in (1, 2)]",
        "{'a': 1}",
        "fast[0]",
        "f'{fast}'",
        "9 ** 9 ** 9",
        "1 << 10000000",
        "fast if slow else 1",
        "(x := 5) > 1",
        "b'a' == fast",
        "1j == fast",
        "...",
        "print(1)",
        "*fast",
        "fast @ slow",
        "~fast",
        "fast is slow",
    ],
)
def test_conditions_run_no_code(text):
    with pytest.raises(BadInput, match="may hold only names, numbers|is no expression"):
        Condition(text)


@pytest.mark.parametrize("text", ["", "fast <", "import os", "a = 1", "fast\n< 5", "(" * 300, "\0"])
def test_conditions_that_are_no_expression(text):
    with pytest.raises(BadInput, match="is no expression"):
        Condition(text)


def test_a_condition_cannot_fill_the_memory():
    with pytest.raises(BadInput, match="makes no sense for mode='sma'"):
        Condition("mode * 1000000000 == 'a'").holds({"mode": "sma"})
    with pytest.raises(BadInput, match="at most 500 characters"):
        Condition("9*" * 5000 + "9 > 1")
    assert Condition("-" * 400 + "1 < 2").holds({})


def test_a_condition_on_values_that_cannot_be_compared_says_so():
    with pytest.raises(BadInput, match="'fast < mode' makes no sense for fast=5, mode='sma'"):
        Condition("fast < mode").holds({"fast": 5, "mode": "sma"})


def test_walk_forward_windows_join_out_of_sample():
    start, end = date(2020, 1, 1), date(2023, 12, 31)
    found = walk_forward(start, end, 5, 0.7)
    assert [w.fold for w in found] == list("1122334455")
    assert [w.sample for w in found] == ["in", "out"] * 5
    inside, outside = found[::2], found[1::2]
    for one, other in zip(inside, outside, strict=True):
        assert _days(one.end, other.start) == 1
    for one, other in pairwise(outside):
        assert _days(one.end, other.start) == 1
    assert inside[0].start == "2020-01-01" and outside[-1].end == "2023-12-31"
    for one, other in zip(inside, outside, strict=True):
        share = _days(one.start, other.start) / (_days(one.start, other.end) + 1)
        assert abs(share - 0.7) < 0.005
    assert len({_days(w.start, w.end) for w in inside}) == 1


def _days(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)) // timedelta(days=1)


def test_windows_without_folds_are_what_was_given():
    assert windows(None, None)[0].start is None
    (window,) = windows("2020-01-01", date(2021, 1, 1))
    assert (window.start, window.end, window.fold) == ("2020-01-01", "2021-01-01", None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("soon", None), "'soon' is not a date"),
        (("2021-01-01", "2020-01-01"), "is before start"),
        ((None, None, 5), "give its start and end"),
        (("2020-01-01", "2020-01-03", 5), "3 days .* are too few for 5 folds"),
        (("2020-01-01", "2021-01-01", 5, 1.0), "train a share between 0 and 1"),
        (("2020-01-01", "2021-01-01", 0), "folds is 1 or more"),
        (("2020-01-01T12:00", "2021-01-01", 2), "folds are of whole days"),
    ],
)
def test_windows_that_make_no_sense_say_why(arguments, words):
    with pytest.raises(BadInput, match=words):
        windows(*arguments)
