"""Days and months by the clocks of a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from bt_lake.metrics.periods import DAY
from bt_lake.metrics.segments import Ints

_QUARTER = 900_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ahead_of_utc(ts: Ints, zone: str) -> Ints:
    """What a zone's clocks are ahead; they change at quarters of an hour."""
    quarters, place = np.unique(ts // _QUARTER, return_inverse=True)
    clock = ZoneInfo(zone)
    ahead = [
        (_EPOCH + timedelta(microseconds=quarter * _QUARTER)).astimezone(clock).utcoffset()
        for quarter in quarters.tolist()
    ]
    micros = [(offset or timedelta()) // timedelta(microseconds=1) for offset in ahead]
    return np.array(micros, np.int64)[place]


def local_months(ts: Ints, zone: str | None) -> Ints:
    """The calendar month in which each time lies, in the curve's own zone."""
    return local(ts, zone).astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)


def local_days(ts: Ints, zone: str | None) -> Ints:
    return local(ts, zone) // DAY


def local(ts: Ints, zone: str | None) -> Ints:
    return ts + ahead_of_utc(ts, zone) if zone else ts
