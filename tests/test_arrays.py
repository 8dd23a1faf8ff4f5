"""Columns that are made without pandas are those that pyarrow makes."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_lake.warehouse import arrays

INSTANT = pa.timestamp("us", "UTC")
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBER = st.floats(allow_nan=False) | st.integers(-(2**53), 2**53)
ZONES = st.sampled_from([None, UTC, timezone(timedelta(hours=-7))])
MOMENT = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES)
MAP = pa.map_(pa.string(), pa.float64())
KINDS = [
    (pa.string(), TEXT),
    (pa.float64(), NUMBER),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (INSTANT, MOMENT),
    (pa.list_(pa.string()), st.lists(st.none() | TEXT)),
    (MAP, st.dictionaries(TEXT, st.none() | NUMBER)),
]


@pytest.mark.slow
@given(st.data())
@pytest.mark.parametrize(("kind", "values"), KINDS, ids=[str(kind) for kind, _ in KINDS])
def test_a_column_is_what_pyarrow_makes_of_it(kind, values, data):
    column = data.draw(st.lists(st.none() | values))
    pairs = [[*v.items()] if isinstance(v, dict) else v for v in column]
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "pandas", raising=False)
        made = arrays.array(column, kind)
    made.validate(full=True)
    assert made.equals(pa.array(pairs, kind))


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)), st.data())
def test_numbers_come_out_of_a_column_as_they_went_in(values, data):
    start = data.draw(st.integers(0, len(values)))
    column = pa.array(values, pa.int64()).slice(start, data.draw(st.integers(0, len(values))))
    listed = [-1 if value is None else value for value in column.to_pylist()]
    assert arrays.to_numpy(column, np.int64, -1).tolist() == listed


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", 1], pa.string()),
        ([1.0, "x"], pa.float64()),
        ([1.5, "2"], pa.int64()),
        ([0.5, 2**60 + 1], pa.float64()),
        (["\ud800"], pa.string()),
        ([["a"], ["b", 1]], pa.list_(pa.string())),
    ],
    ids=str,
)
def test_what_pyarrow_refuses_is_refused(values, kind):
    with pytest.raises((pa.ArrowException, TypeError, ValueError)) as theirs:
        pa.array(values, kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "pandas", raising=False)
        with pytest.raises(type(theirs.value)):
            arrays.array(values, kind)
