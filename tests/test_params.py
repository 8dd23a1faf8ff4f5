"""Equal parameters have equal text and an equal hash, however they were built."""

from __future__ import annotations

import enum
import json
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.params import canonical, params_hash, to_json


class Side(enum.Enum):
    LONG = "long"


class Size(enum.IntEnum):
    SMALL = 1


class Text(str):
    __slots__ = ()


# The test vectors of FORMAT.md: whoever writes another implementation checks it against these.
VECTORS: list[tuple[dict[Any, Any], str, str]] = [
    (
        {},
        "{}",
        "44136fa355b3678a1146ad16f7e8649e",
    ),
    (
        {"fast": 10, "slow": 50},
        '{"fast":10,"slow":50}',
        "b831f69f6947a77177d74578ed9e2051",
    ),
    (
        {"slow": 50.0, "fast": 10.0},
        '{"fast":10,"slow":50}',
        "b831f69f6947a77177d74578ed9e2051",
    ),
    (
        {"stop": 0.02, "on": True, "exit": None},
        '{"exit":null,"on":true,"stop":0.02}',
        "2ce66aa73c8980e5ec41d7afb3f8ed80",
    ),
    (
        {"b": {"y": [1, 2.5, "x"], "x": False}, "a": -0.0},
        '{"a":0,"b":{"x":false,"y":[1,2.5,"x"]}}',
        "892d205719ac9e9366bfb75ed2ce0af3",
    ),
    (
        {"größe": "µ → ∞", "🐂": "日経"},
        '{"größe":"µ → ∞","🐂":"日経"}',
        "a1fdb5974e3312b6b5b7b395b4ec8285",
    ),
    (
        {"text": 'tab\t "quote" \\ / \x7f \u2028'},
        '{"text":"tab\\t \\"quote\\" \\\\ / \x7f \u2028"}',
        "cceb0e24ba1aa3c2f56dbeff85be5a1f",
    ),
    (
        {"big": 2**64, "edge": 2.0**53, "below": 2.0**53 - 1, "tiny": 1e-7, "huge": 1e300},
        '{"below":9007199254740991,"big":18446744073709551616,"edge":9007199254740992.0,"huge":1e+300,"tiny":1e-07}',
        "f63f1c558bdbc445a83fbd4d96eb7609",
    ),
    (
        {"third": Fraction(1, 3), "fee": Decimal("0.0010"), "lots": Decimal("1E+2")},
        '{"fee":0.001,"lots":100,"third":0.3333333333333333}',
        "526d53c0e70dd89e1f4539421c8cc9cc",
    ),
    (
        {"n": np.int32(3), "x": np.float32(0.1), "grid": np.array([1.0, 1.5]), "t": (1, 2)},
        '{"grid":[1,1.5],"n":3,"t":[1,2],"x":0.10000000149011612}',
        "cbecfe1eaf087ebae35cb593e9329e07",
    ),
    (
        {"from": date(2024, 1, 2), "at": datetime(2024, 1, 2, 3, 4, 5), "open": time(9, 30)},
        '{"at":"2024-01-02T03:04:05Z","from":"2024-01-02","open":"09:30:00"}',
        "114fb02111f1d721bf33acd7969181b8",
    ),
    (
        {"at": datetime(2024, 1, 2, 3, 4, 5, 250000, tzinfo=timezone(timedelta(hours=2)))},
        '{"at":"2024-01-02T01:04:05.250000Z"}',
        "91c357e7ec2097445a3c7f2ef18c01e8",
    ),
    (
        {"hold": timedelta(hours=36), "model": PurePosixPath("models/a.pt"), "side": Side.LONG},
        '{"hold":129600,"model":"models/a.pt","side":"long"}',
        "be809019f81f1c7735c76aed01d62e41",
    ),
    (
        {"symbols": {"MSFT", "AAPL"}, "levels": {10, 9, 2.5}},
        '{"levels":[2.5,9,10],"symbols":["AAPL","MSFT"]}',
        "85eb7ede15d0a058bed26c06e707d26a",
    ),
    (
        {1: "int", 2.5: "float", 10: "ten", None: "null", "Z": "Z", "a": "a"},
        '{"1":"int","10":"ten","2.5":"float","Z":"Z","a":"a","null":"null"}',
        "74868646513812cf4c104fa817eff9b9",
    ),
]


@pytest.mark.parametrize(("params", "text", "digest"), VECTORS)
def test_vectors(params: dict[Any, Any], text: str, digest: str) -> None:
    assert canonical(params) == text
    assert params_hash(params) == digest


def test_no_params_have_no_hash() -> None:
    assert params_hash(None) is None
    assert params_hash({}) is not None


words = st.text(st.characters(codec="utf-8"), max_size=8)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=8,
)
mappings = st.dictionaries(words, values, max_size=6)


def shuffled(value: Any) -> Any:
    """The same value with every object's keys in the opposite order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


def disguised(value: Any) -> Any:
    """The same value in the clothes that numpy, decimal and tuples give it."""
    match value:
        case dict():
            return MappingProxyType({Text(key): disguised(item) for key, item in value.items()})
        case list():
            return tuple(disguised(item) for item in value)
        case bool():
            return np.bool(value)
        case int() if abs(value) < 2**53:
            return np.float64(value)
        case int():
            return Decimal(value)
        case float():
            return np.float64(value)
        case str():
            return Text(value)
    return value


@pytest.mark.slow
@settings(deadline=None)
@given(mappings)
def test_key_order_does_not_matter(params: dict[str, Any]) -> None:
    assert canonical(shuffled(params)) == canonical(params)


@pytest.mark.slow
@settings(deadline=None)
@given(mappings)
def test_the_type_of_an_equal_value_does_not_matter(params: dict[str, Any]) -> None:
    assert params_hash(disguised(params)) == params_hash(params)


@settings(deadline=None)
@given(mappings)
def test_the_text_reads_back_as_the_same_values(params: dict[str, Any]) -> None:
    assert json.loads(canonical(params)) == params
    assert json.loads(to_json(params)) == params
    assert list(json.loads(to_json(params))) == list(params)


@pytest.mark.slow
@settings(deadline=None)
@given(mappings)
def test_the_canonical_text_is_its_own_canonical_text(params: dict[str, Any]) -> None:
    assert canonical(json.loads(canonical(params))) == canonical(params)


@settings(deadline=None)
@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_an_integral_number_is_written_as_that_integer(number: int) -> None:
    forms = [number, float(number), np.int64(number), np.float64(number), Decimal(number)]
    assert {canonical({"x": form}) for form in [*forms, Fraction(number)]} == {f'{{"x":{number}}}'}


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_decimal_or_fraction_is_the_float_it_equals(number: float) -> None:
    if abs(number) < 2**53:
        assert canonical({"x": Decimal(number)}) == canonical({"x": number})
        assert canonical({"x": Fraction(number)}) == canonical({"x": number})


@settings(deadline=None)
@given(st.datetimes(timezones=st.just(UTC)), st.integers(-12 * 60, 12 * 60))
def test_a_moment_is_the_same_in_every_zone(moment: datetime, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    try:
        elsewhere = moment.astimezone(zone)
    except OverflowError:
        return
    assert canonical({"at": elsewhere}) == canonical({"at": moment.replace(tzinfo=None)})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.0, "0"),
        (2.0**53, "9007199254740992.0"),
        (1e300, "1e+300"),
        (Decimal("0.10"), "0.1"),
        (Decimal(2**60 + 1), str(2**60 + 1)),
        (Decimal("1e-400"), "0"),
        (Fraction(1, 4), "0.25"),
        (np.float32(0.5), "0.5"),
        (np.longdouble(0.1), "0.1"),
        (np.uint8(7), "7"),
        (np.str_("a"), '"a"'),
        (np.bool(True), "true"),
        (np.array([[1, 2], [3, 4]]), "[[1,2],[3,4]]"),
        (np.array(5.0), "5"),
        (np.array(["a", None], dtype=object), '["a",null]'),
        (np.datetime64("2024-01-02"), '"2024-01-02"'),
        (np.datetime64("2024-01"), '"2024-01-01"'),
        (np.datetime64("2024-01-02T03:04:05.000000000"), '"2024-01-02T03:04:05Z"'),
        (np.array(["2024-01-02T03"], "M8[ns]"), '["2024-01-02T03:00:00Z"]'),
        (np.timedelta64(90, "m"), "5400"),
        (
            pd.Timestamp("2024-01-02 03:04:05.25", tz="America/New_York"),
            '"2024-01-02T08:04:05.250000Z"',
        ),
        (pd.Timestamp("2024-01-02"), '"2024-01-02T00:00:00Z"'),
        (pd.Timedelta(hours=1), "3600"),
        (date(2024, 1, 2), '"2024-01-02"'),
        (time(9, 30), '"09:30:00"'),
        (timedelta(milliseconds=1500), "1.5"),
        (PurePosixPath("a/b.pt"), '"a/b.pt"'),
        (PureWindowsPath("a\\b.pt"), '"a/b.pt"'),
        (Side.LONG, '"long"'),
        (Size.SMALL, "1"),
        ({3, 1, 20}, "[1,3,20]"),
        (frozenset({"b", "a"}), '["a","b"]'),
        ({1, "a", None}, '["a",1,null]'),
        ((1, (2.0, [3])), "[1,[2,[3]]]"),
    ],
    # By the text: the order within a set differs from process to process.
    ids=lambda given: given if isinstance(given, str) else "value",
)
def test_values_become_plain(value: object, text: str) -> None:
    assert canonical({"x": value}) == f'{{"x":{text}}}'
    assert to_json(value) == text


def test_keys_become_text() -> None:
    params = {
        1: "a",
        2.0: "b",
        3: "c",
        None: "d",
        Side.LONG: "e",
        date(2024, 1, 2): "f",
    }
    assert canonical(params) == '{"1":"a","2":"b","2024-01-02":"f","3":"c","long":"e","null":"d"}'


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"a": {"b": [1, 2, float("nan")]}}, "params.a.b[2] is NaN"),
        ({"x": np.float64("nan")}, "params.x is NaN"),
        ({"x": Decimal("sNaN")}, "params.x is NaN"),
        ({"x": np.array([1.0, np.nan])}, "params.x[1] is NaN"),
        ({"x": float("-inf")}, "params.x is not a finite number"),
        ({"x": Fraction(10**400)}, "params.x is not a finite number"),
        ({"x": pd.NaT}, "params.x is NaT"),
        ({"x": np.datetime64("NaT", "s")}, "params.x is NaT"),
        ({"x": np.datetime64("NaT")}, "params.x is NaT"),
        ({"f": len}, "params.f is of type builtin_function_or_method"),
        ({"f": b"x"}, "params.f is of type bytes"),
        ({"f": 1j}, "params.f is of type complex"),
        ({"f": np.complex128(1j)}, "params.f is of type numpy.complex128"),
        ({"f": np.timedelta64(1, "Y")}, "params.f is of type numpy.timedelta64"),
        ({"f": pd.NA}, "params.f is of type pandas"),
        ({1: "a", "1": "b"}, "params has two keys that are both written '1'"),
        ({"a": {(1, 2): "b"}}, "params.a has a key of type tuple"),
        ({float("nan"): 1}, "params key is NaN"),
        ({"x": "\ud800"}, "not valid Unicode"),
        ({"x": 10**5000}, "params cannot be written as JSON"),
        (["x"], "params must be a mapping"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_has_no_plain_form_is_named(params: Any, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        canonical(params)
    assert message in str(caught.value)


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop
    with pytest.raises(BadInput, match="contains itself"):
        canonical(loop)


def test_errors_of_another_column_name_it() -> None:
    with pytest.raises(BadInput, match=r"config\.fees is NaN"):
        to_json({"fees": float("nan")}, "config")


def test_the_module_loads_neither_numpy_nor_pandas() -> None:
    code = (
        "import sys; from bt_lake.warehouse import params;"
        "params.canonical({'x': [1.5, {'y': 2}]});"
        "sys.exit(bool({'numpy', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
