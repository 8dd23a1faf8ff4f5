"""One grammar of values: what is stored from a text is found by the same text, everywhere."""

from __future__ import annotations

import csv
import json

import pytest
from cli_lake import Cli
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bt_lake.ingest.stores.tracked import scalar
from bt_lake.lake import Lake
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.values import AnyOf, compared, found, named, pairs, parameters, value

EMPTY = {"", "NaN", "nan", "None", "NaT"}  # cells of a file without a value
WORDS = [
    "true",
    "True",
    "FALSE",
    "null",
    "NULL",
    ".5",
    "-.5",
    "5.",
    "007",
    "00.5",
    "1e3",
    "1E-7",
    "1e300",
    "1e999",
    "-0",
    "0.0",
    "+3",
    "10.50",
    "9:30",
    "NA",
    "inf",
    "1_000",
    "2024-01-31",
    "AAPL",
    '"10"',
    '"true"',
    "[]",
    "[1,2.5]",
    '["a",null]',
    "{}",
    '{"a":1,"b":[true]}',
    '{"a":{"b":null}}',
    "9007199254740993",
    "123456789012345678901234567890",
    "0x10",
    "½",
    '"it\'s"',
    "a=b",
    "~/x",
    "a~1b",
]
TEXTS = st.one_of(
    st.sampled_from(WORDS),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8).map(str.strip),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1, 1) | st.sampled_from("aä"),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
        max_leaves=4,
    ).map(json.dumps),
)


@pytest.fixture
def fresh(tmp_path, capsys):
    (tmp_path / "strat.py").write_text(
        "def run(**given):\n    return {'metrics': {'sharpe_ratio': 1.0}}\n"
    )
    made = 0

    def lake() -> Cli:
        nonlocal made
        made += 1
        return Cli(tmp_path / f"lake{made}", capsys)

    lake.folder = tmp_path
    return lake


@pytest.mark.slow
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(WORDS)
@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_what_run_stores_every_question_finds(fresh, texts):
    stored = {f"x{place}": value(text) for place, text in enumerate(texts) if is_value(text)}
    options = [part for name in stored for part in ("-p", f"{name}={texts[int(name[1:])]}")]
    cli = fresh()
    done = cli("run", f"{fresh.folder / 'strat.py'}:run", *options)
    assert done.code == 0, done.err
    lake = Lake(cli.lake)
    for name, one in stored.items():
        found = lake.runs(params={name: one})
        assert found.height == 1, f"{name}: {one!r}"
    assert len(json.loads(cli("list", *options, "-f", "json").out)) == 1
    if stored:
        assert cli("lookup", *options).code == 0
        assert lake.lookup({"params": stored})["run_id"][0] is not None
        cells = {name: texts[int(name[1:])] for name in stored}
        if not EMPTY & set(cells.values()):
            write_csv(fresh.folder / "keys.csv", [[f"param.{n}" for n in cells], cells.values()])
            assert cli("lookup", "--keys", fresh.folder / "keys.csv").err.startswith("1 of 1")


def is_value(text: str) -> bool:
    try:
        value(text)
    except BadInput:
        return False
    return True


def write_csv(file, rows) -> None:
    with open(file, "w", newline="") as out:
        csv.writer(out).writerows(rows)


@given(TEXTS)
def test_files_engines_and_stores_read_what_run_reads(text):
    wanted = value(text) if is_value(text) else text
    assert found(text) == wanted
    assert scalar(text) == (None if text == "None" else wanted)


def test_a_row_of_a_csv_file_is_found_by_its_own_cells(fresh):
    """Also those that pandas writes: True, .5, an empty cell."""
    cli, rows = fresh(), [["True", ".5", "007"], ["False", "", "[1, 2"], ["null", "1e3", "a,b"]]
    file, keys = fresh.folder / "rows.csv", fresh.folder / "keys.csv"
    head = ["param.flag", "param_stop", "params.code"]
    write_csv(file, [["strategy", *head], *(["s", *row] for row in rows)])
    write_csv(keys, [head, *rows])
    assert cli("ingest", file).code == 0
    assert cli("lookup", "--keys", keys).err.startswith("3 of 3")
    assert json.loads(cli("list", "-p", "flag=True", "-f", "json").out)[0]["params"] == {
        "flag": True, "stop": 0.5, "code": "007",
    }  # fmt: skip


def test_a_padded_number_is_text(tmp_path):
    lake = Lake(tmp_path / "lake")
    for text in ("007", "7"):
        lake.save(strategy="s", params={"x": found(text)})
    only = lake.runs(params={"x": "007"}, columns=["param.x"])
    assert only["param.x"].to_list() == ["007"]


@pytest.mark.slow
def test_parts_of_an_object_are_looked_for_together(fresh):
    cli = fresh()
    for text in ('{"stop":1,"take":2}', '{"stop":1,"take":3}'):
        cli("run", f"{fresh.folder / 'strat.py'}:run", "-p", f"x={text}")
    rows = json.loads(cli("list", "-p", 'x={"stop":1,"take":3}', "-f", "json").out)
    assert [row["params"]["x"] for row in rows] == [{"stop": 1, "take": 3}]
    assert len(json.loads(cli("list", "-p", 'x!={"stop":1,"take":3}', "-f", "json").out)) == 1


def test_names_of_options():
    assert named("-p", ["fast=10", "expr = a=b "], "N=V") == {"fast": "10", "expr": "a=b"}
    assert named("--map", ["a=b=c"], "N=V", last=True) == {"a=b": "c"}
    for text in ("fast", "=5"):
        with pytest.raises(BadInput, match=f"-p {text}: write NAME=VALUE"):
            named("-p", [text], "NAME=VALUE")
    with pytest.raises(BadInput, match="fast is given twice"):
        named("-p", ["fast=1", "fast=2"], "N=V")


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("10", 10), (" +10 ", 10), ("0", 0), ("007", "007"), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0),
        ("1e999", "1e999"), ("inf", "inf"), ("NaN", "NaN"), ("1_000", "1_000"), (" a b ", " a b "),
        ("True", True), ("FALSE", False), ("null", None), ("None", None), ("none", "none"),
        ("NONE", "NONE"), (' "10" ', "10"), ("[1, 2]", [1, 2]), ("[]", []), ('{"a": [null]}', {"a": [None]}),
    ],
)  # fmt: skip
def test_a_text_means(text: str, means: object):
    assert value(text) == means and type(value(text)) is type(means)
    assert found(text) == means


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[1", r"\[1 begins like JSON and is none: "),
        ("[NaN]", r"\[NaN\] begins like JSON and is none: it has no NaN"),
        ('{"a": -Infinity}', "it has no -Infinity"),
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' stands in it twice"),
        ("[" * 100_000, "begins like JSON and is none: "),
    ],
)  # fmt: skip
def test_what_begins_like_json_and_is_none_is_refused(text: str, why: str):
    with pytest.raises(BadInput, match=why):
        value(text)
    assert found(text) == text


def test_parameters_of_a_row():
    cells = {
        "param.fast": "10", "params.slow": "null", "param_stop": "", "param.": "1", "symbol": "A",
        None: "over", "param.code": None, "param.name": "NA", "param.gone": "NaN", "param.deep.x": "[1]",
    }  # fmt: skip
    assert parameters(cells) == {"fast": 10, "slow": None, "name": "NA", "deep.x": [1]}


def test_a_pair_divides_at_the_first_sign_or_the_last():
    assert [*pairs("--set", ["a=b=c", " n = 1 "], "N=V")] == [("a", "b=c"), ("n", " 1 ")]
    assert [*pairs("--map", ["a=b=c"], "N=V", last=True)] == [("a=b", "c")]
    for wrong in ("fast", "=10", " =1"):
        with pytest.raises(BadInput, match=f"^--set {wrong}: write N=V$"):
            [*pairs("--set", [wrong], "N=V")]


@pytest.mark.parametrize(
    ("text", "key", "means"),
    [
        ("fast=10", "fast", 10), (" fast = 10 ", "fast", 10), ("fast>=10", "fast>=", 10),
        ("fast<=1", "fast<=", 1), ("fast!=x", "fast!=", "x"), ("fast<1", "fast<", 1), ("fast>1", "fast>", 1),
        ('"x<"=10', "x<==", 10), ('"x>" = 10', "x>==", 10), ('"x="=10', "x===", 10), ('"x y"= a', "x y", "a"),
        ('"a\\"b"=1', 'a"b', 1), ("a=b=c", "a", "b=c"), ("a=", "a", ""),
    ],
)  # fmt: skip
def test_a_comparison_is_of(text: str, key: str, means: object):
    assert compared([text]) == {key: means}


def test_comparisons_of_one_name():
    found = compared(["a=1", "b>2", "a=x", "b>3", "c=1"])
    assert found == {"a": AnyOf((1, "x")), "b>": AnyOf((2, 3)), "c": 1}
    assert type(found["a"]) is AnyOf and type(found["c"]) is int
    with pytest.raises(
        BadInput, match="^--param fast: write NAME=VALUE, such as fast=10 or 'fast>=10'$"
    ):
        compared(["fast"])
