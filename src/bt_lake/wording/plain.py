"""Values of an answer as JSON has them, for whoever reads it by a program."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from numbers import Integral
from typing import Any


def iso(value: datetime) -> str:
    """UTC with a Z; a time without a zone is UTC already."""
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat() + "Z"


def plainly(
    *,
    number: Callable[[float], Any] = float,
    moment: Callable[[datetime], Any] = iso,
    words: Callable[[str], str] = str,
) -> Callable[[Any], Any]:
    """What makes any value plain: what is not finite is null, and a reader may want numbers, times
    and texts in a way of its own.

    Parameters that are kept are another matter: they are refused where JSON has no form for them
    (`warehouse/params.py`), or say what they are, to come back as they were (`running/exact.py`).
    """

    def plain(value: Any) -> Any:
        if isinstance(value, str):
            return words(value)
        if value is None or isinstance(value, int):
            return value
        if isinstance(value, float):
            return number(value) if math.isfinite(value) else None
        if isinstance(value, datetime):
            return moment(value)
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, Mapping):
            return {str(name): plain(each) for name, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [plain(each) for each in value]
        if isinstance(value, bytes):
            return value.hex()
        return int(value) if isinstance(value, Integral) else plain(_number_or_text(value))

    return plain


plain = plainly()


def _number_or_text(value: Any) -> int | float | str:
    from decimal import Decimal

    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)
