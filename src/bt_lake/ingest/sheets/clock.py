"""Dates and times as people write them -> microseconds of the clock on the wall, then UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from bt_lake.ingest import times
from bt_lake.ingest.times import Micros, shown
from bt_lake.metrics import NONE
from bt_lake.warehouse.errors import BadInput

_YEAR_FIRST = re.compile(r"\s*\d{4}[-./]\d{1,2}[-./]\d{1,2}")
_PARTS = re.compile(
    r"\s*(\d{1,4})([-./])(\d{1,2})[-./](\d{1,4})"
    r"(?:[\sT,]++(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*+([AaPp]\.?[Mm]\.?)?)?"
    r"\s*+(Z|[+-]\d{2}:?\d{2})?\s*+"
)
# Jan 5, 2024 and 5 Jan 2024 and 5-Jan-24, as 2024-01-05 is written.
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = re.compile(
    rf"(?<!\s)\s*+(?:(?P<month>{'|'.join(_MONTHS)})[a-z]{{0,9}}\.?\s++(?P<day>\d{{1,2}}),?"
    rf"|(?P<day2>\d{{1,2}})[-\s.]++(?P<month2>{'|'.join(_MONTHS)})[a-z]{{0,9}}\.?,?)"
    r"[-\s]++(?P<year>\d{4}|\d\d)(?!\d)",
    re.IGNORECASE,
)
_SERIAL_DAY = datetime(1899, 12, 30)
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


class Clock:
    """How one file writes its times, and the zone of its clock."""

    def __init__(self, zone: str | None = None, day_first: bool | None = None) -> None:
        self.zone = zone
        self._day_first = day_first
        self._offsets = False

    def read(self, values: Sequence[Any], place: Sequence[str]) -> Micros:
        """The times of a column, NONE where empty; `place` names the cell of each."""
        if values and all(type(value) is str for value in values):
            fast = [value.replace(".", "-") for value in values]
            if all(_YEAR_FIRST.match(value) for value in fast):
                micros, problems = times.parse(fast)
                if not problems:
                    self._offsets = bool(re.search(r"(?:Z|[+-]\d\d:?\d\d)\s*$", fast[0][10:]))
                    return micros
            self._settle(values)
        return np.array([self._one(v, place[i]) for i, v in enumerate(values)], np.int64)

    def to_utc(self, micros: Micros) -> Micros:
        """Instants of what this clock showed; of an hour that came twice the first."""
        if not self.zone or self.zone == "UTC" or self._offsets:
            return micros
        import pyarrow as pa
        import pyarrow.compute as pc

        wall = pa.array(micros, pa.int64(), mask=micros == NONE).cast(pa.timestamp("us"))
        try:
            there = pc.assume_timezone(
                wall, self.zone, ambiguous="earliest", nonexistent="earliest"
            )
        except pa.ArrowInvalid:
            raise BadInput(f"no time zone '{self.zone}'") from None
        found: Micros = there.cast(pa.int64()).fill_null(NONE).to_numpy()
        return found

    def _settle(self, values: Sequence[str]) -> None:
        """Day first or month first, where the year comes last."""
        if self._day_first is not None:
            return
        parts = [p for p in map(_PARTS.match, values) if p and len(p.group(1)) < 3]
        if not parts:
            return
        days = any(int(p.group(1)) > 12 or p.group(2) == "." for p in parts)
        months = any(int(p.group(3)) > 12 for p in parts)
        if days == months:
            what = "cannot be both day first and month first" if days else "can be read two ways"
            raise BadInput(
                f"{shown(parts[0].group().strip())} {what}, and no date of the file decides it; "
                "say which with --day-first or --month-first"
            )
        self._day_first = days

    def _one(self, value: Any, place: str) -> int:
        if value is None or value == "":
            return NONE
        try:
            return _micros(self._moment(value))
        except (ValueError, OverflowError, TypeError):
            raise BadInput(f"{place}: {shown(value)} is not a time") from None

    def _moment(self, value: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day)
        if isinstance(value, (int, float)):
            return _SERIAL_DAY + timedelta(seconds=round(value * 86_400))
        found = _PARTS.fullmatch(_MONTH.sub(_numbered, value))
        if not found:
            raise ValueError
        first, _, second, third, hour, minute, second_, half, offset = found.groups()
        if len(first) == 4:
            year, month, day = int(first), int(second), int(third)
        else:
            day, month = int(first), int(second)
            if not self._day_first:
                day, month = month, day
            year = int(third) + (2000 if len(third) == 2 else 0)
        hours = int(hour or 0)
        if half:
            hours = hours % 12 + (12 if half[0] in "Pp" else 0)
        moment = datetime(year, month, day, hours, int(minute or 0), int(second_ or 0))
        if offset:
            self._offsets = True
            moment = datetime.fromisoformat(f"{moment.isoformat()}{offset}").astimezone(UTC)
        return moment


def _numbered(named: re.Match[str]) -> str:
    """A date whose month has its name, with the year first."""
    month = _MONTHS.index((named["month"] or named["month2"])[:3].lower()) + 1
    year = named["year"] if len(named["year"]) == 4 else f"20{named['year']}"
    return f"{year}-{month:02}-{int(named['day'] or named['day2']):02}"


def _micros(moment: datetime) -> int:
    plain = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return (plain - _EPOCH) // _MICROSECOND
