"""Times of any form become microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_lake.ingest import times
from bt_lake.metrics import NONE
from bt_lake.warehouse.errors import BadInput

AT = 1_704_187_800_000_000  # 2024-01-02T09:30:00Z
MOMENT = datetime(2024, 1, 2, 9, 30, tzinfo=UTC)
NAIVE = MOMENT.replace(tzinfo=None)
NEW_YORK = MOMENT.astimezone(ZoneInfo("America/New_York"))

SAME_MOMENT = {
    "text with Z": ["2024-01-02T09:30:00Z"],
    "text with offset": ["2024-01-02T04:30:00-05:00"],
    "text without zone": ["2024-01-02 09:30:00"],
    "text of mixed zones": ["2024-01-02T09:30:00Z", "2024-01-02T09:30:00"],
    "text with nanoseconds": ["2024-01-02T09:30:00.000000999Z"],
    "datetime": [MOMENT],
    "naive datetime": [NAIVE],
    "datetime in a zone": [NEW_YORK],
    "datetime at an offset": [MOMENT.astimezone(timezone(timedelta(hours=9)))],
    "mixed": [MOMENT, "2024-01-02T09:30:00Z", np.datetime64(NAIVE)],
    "numpy": np.array([NAIVE], "M8[s]"),
    "numpy nanoseconds": np.array([NAIVE], "M8[ns]"),
    "pandas index": pd.DatetimeIndex([NEW_YORK]),
    "pandas series": pd.Series([NEW_YORK]),
    "pandas naive series": pd.Series([NAIVE]),
    "pandas timestamps": [pd.Timestamp(NEW_YORK)],
    "pandas strings": pd.Series(["2024-01-02T09:30:00Z"]),
    "pandas on arrow": pd.Series([NEW_YORK]).astype("timestamp[us, America/New_York][pyarrow]"),
    "polars": pl.Series([NEW_YORK]),
    "polars milliseconds": pl.Series([NAIVE]).cast(pl.Datetime("ms")),
    "polars strings": pl.Series(["2024-01-02T09:30:00Z"]),
    "arrow": pa.array([NEW_YORK], pa.timestamp("ns", "America/New_York")),
    "arrow chunks": pa.chunked_array([[NAIVE], [NAIVE]]),
    "arrow large strings": pa.array(["2024-01-02T09:30:00Z"], pa.large_string()),
    "seconds": [AT // 10**6],
    "seconds with a fraction": [AT / 10**6, None],
    "milliseconds": [AT // 10**3],
    "microseconds": np.array([AT]),
    "nanoseconds": pa.array([AT * 1000]),
}


@pytest.mark.parametrize("values", SAME_MOMENT.values(), ids=SAME_MOMENT.keys())
def test_every_form_is_the_same_moment(values):
    assert set(times.to_micros(values, "ts").tolist()) <= {AT, NONE}
    assert times.to_micros(values, "ts")[0] == AT


def test_dates_and_periods_begin_at_midnight_utc():
    midnight = AT - 34_200_000_000
    for values in (
        ["2024-01-02"],
        [date(2024, 1, 2)],
        pl.Series([date(2024, 1, 2)]),
        pd.period_range("2024-01-02", periods=1, freq="D"),
    ):
        assert times.to_micros(values, "ts").tolist() == [midnight]


@pytest.mark.parametrize(
    "values",
    [
        [None],
        [float("nan")],
        [pd.NaT],
        [np.datetime64("NaT")],
        pl.Series([None], dtype=pl.Datetime),
        pa.array([None], pa.timestamp("us")),
        pd.Series([pd.NaT]),
    ],
)
def test_a_missing_time_is_none(values):
    assert times.to_micros(values, "ts").tolist() == [NONE]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["2024-01-02", "2024-13-01"], r'ts\[1\]: "2024-13-01" is not a time'),
        (["2024-01-02", ""], r'ts\[1\]: "" is not a time'),
        ([True], "True is not a time"),
        ([b"2024"], "is not a time"),
        ([{}], "is not a time"),
        (["\ud800"], "is not a time"),
        (["x" * 1000], r"x\.\.\. is not a time"),
        ([0, 1, 2], "0 is a number, not a time; write times as ISO 8601"),
        (np.arange(3.0), "is a number, not a time"),
        ([AT // 10**6, AT // 10**3], "is a number, not a time"),
        ([10**30], "is not a time"),
        (["9999-01-01"], "year 9999 is outside 1700 to 2299"),
        (np.array(["1600-01-01"], "M8[D]"), "year 1600 is outside"),
        (np.zeros((2, 2)), "one dimension"),
    ],
)
def test_what_is_no_time_is_named(values, message):
    with pytest.raises(BadInput, match=message):
        times.to_micros(values, "ts")


def test_the_zone_of_a_column():
    assert times.zone_of(pd.DatetimeIndex([NEW_YORK])) == "America/New_York"
    assert times.zone_of(pl.Series([NEW_YORK])) == "America/New_York"
    assert times.zone_of(SAME_MOMENT["arrow"]) == "America/New_York"
    assert times.zone_of(SAME_MOMENT["pandas on arrow"]) == "America/New_York"
    assert times.zone_of([NEW_YORK]) == "America/New_York"
    for none in (["2024"], [], [MOMENT], np.array([NAIVE], "M8[s]"), pd.Series([NAIVE])):
        assert times.zone_of(none) is None
    assert times.zone_of([MOMENT.astimezone(timezone(timedelta(hours=5)))]) is None


@given(
    st.lists(
        st.datetimes(
            datetime(1700, 1, 2), datetime(2299, 12, 30), timezones=st.none() | st.timezones()
        ),
        min_size=1,
    )
)
def test_text_and_datetimes_agree(moments):
    as_text = times.to_micros([moment.isoformat() for moment in moments], "ts")
    as_objects = times.to_micros(moments, "ts")
    assert as_text.tolist() == as_objects.tolist()
