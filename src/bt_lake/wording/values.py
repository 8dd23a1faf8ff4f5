"""Values as a person reads them, in one line and without what could steer a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

MISSING = "-"
# Characters that take no room and say nothing by themselves; those that turn text around do.
_UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SIZES = ("B", "KB", "MB", "GB", "TB")


def percent(value: float, *, sign: str = "+", digits: int = 1) -> str:
    if abs(value) >= 10:
        digits = 0
    if round(value * 100, digits) == 0:
        return f"{0:.{digits}f}%"
    return f"{value:{sign},.{digits}%}"


def share(value: float) -> str:
    """Of a whole: a plus would say nothing."""
    return percent(value, sign="")


def share_of_few(value: float) -> str:
    return percent(value, sign="", digits=0)


def tick_share(value: float) -> str:
    """A share on an axis: no digit more than it has."""
    return f"{round(value * 100, 6) + 0:,g}%"


def tick(value: float) -> str:
    """A number on an axis."""
    value = float(f"{value:.6g}") + 0
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e12 else f"{value:g}"


def ratio(value: Any) -> str:
    if value is None:
        return MISSING
    return f"{value:,.2f}" if abs(value) < 1e6 else f"{value:.3g}"


def fine_ratio(value: Any) -> str:
    return MISSING if value is None else f"{value:.4f}"


def money(value: Any) -> str:
    return MISSING if value is None else f"{value:,.2f}"


def count(value: Any) -> str:
    return MISSING if value is None else f"{value:,}".removesuffix(".0")


def one_decimal(value: Any) -> str:
    if value is None:
        return MISSING
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def size(count: float) -> str:
    """Bytes."""
    for unit in _SIZES:
        if count < 1000 or unit == _SIZES[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def general(value: Any) -> str:
    """A number whose unit is not known."""
    if value is None:
        return MISSING
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def text(value: Any) -> str:
    """Any value in one line, without what could steer a terminal."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return general(value)
    if isinstance(value, datetime):
        return times([value])[0]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return ", ".join(map(text, value))
    if isinstance(value, dict):
        return one_line(json.dumps(value, ensure_ascii=False, default=str))
    return one_line(str(value))


def one_line(value: str) -> str:
    """Without what could steer a terminal."""
    return value if value.isprintable() else "".join(map(_visible, value))


def harmless(value: str) -> str:
    """Lines of text, without what could steer a terminal."""
    return "\n".join(map(one_line, value.split("\n")))


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    return " " if char.isspace() else "" if char in _UNSEEN else "�"


def times(values: Sequence[Any]) -> list[str]:
    """Dates where every time is midnight, minutes otherwise; always UTC."""
    moments = [moment(value) for value in values]
    whole_days = all(m is None or (m.hour, m.minute, m.second) == (0, 0, 0) for m in moments)
    pattern = "%Y-%m-%d" if whole_days else "%Y-%m-%d %H:%M"
    return [MISSING if m is None else m.strftime(pattern) for m in moments]


def moment(value: Any) -> datetime | None:
    """A time of an answer as naive UTC."""
    if value is None:
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return datetime(value.year, value.month, value.day)


def short_id(run_id: str) -> str:
    return one_line(run_id if len(run_id) <= 9 else f"…{run_id[-8:]}")
