"""The steps of a tracked metric -> a curve, where they are of the market and not of the logging."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

# What a metric is called whose steps are the equity of an account.
EQUITY = ("equity", "equity_curve", "portfolio_value", "portfolio_equity", "account_value",
          "net_asset_value", "nav")  # fmt: skip
Curve = dict[str, list[Any]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNTIL_S = 4_102_444_800  # 2100
_FROM_MS, _UNTIL_MS = 100_000_000_000, 4_102_444_800_000  # 1973 and 2100
_DAYS = (19_000_101, 21_001_231)
_FIRST_SECOND = 100_000_000  # smaller steps count bars


class Step(NamedTuple):
    number: int
    at: int  # milliseconds, as logged
    value: float


def curve_of(metrics: Mapping[str, Sequence[Step]], start: int | None) -> Curve | None:
    """The curve, None where no time of the market is known; the run began at `start`."""
    steps = next((metrics[name] for name in EQUITY if len(metrics.get(name, ())) > 1), ())
    last = list({step.number: step for step in sorted(steps)}.values())
    times = _before(last, start) or _numbered([step.number for step in last])
    if times is None or len(last) < 2:
        return None
    return {"ts": times, "equity": [step.value for step in last]}


def _before(steps: Sequence[Step], start: int | None) -> list[datetime] | None:
    """The times of the steps, where they are of the past: not those at which the run logged."""
    at = [step.at for step in steps]
    if start is None or not at or not _rising(at) or at[0] < _FROM_MS or at[-1] > start:
        return None
    return [_EPOCH + timedelta(milliseconds=t) for t in at]


def _numbered(numbers: Sequence[int]) -> list[datetime] | None:
    """Steps that are dates, such as 20240131, or seconds or milliseconds since 1970."""
    if not numbers or not _rising(numbers):
        return None
    first, last = numbers[0], numbers[-1]
    read: Callable[[int], datetime]
    if _DAYS[0] <= first and last <= _DAYS[1]:
        read = _day
    elif first >= _FIRST_SECOND and last < _UNTIL_S:
        read = lambda number: _EPOCH + timedelta(seconds=number)  # noqa: E731
    elif first >= _FROM_MS and last < _UNTIL_MS:
        read = lambda number: _EPOCH + timedelta(milliseconds=number)  # noqa: E731
    else:
        return None
    try:
        return [read(number) for number in numbers]
    except ValueError:
        return None


def _day(number: int) -> datetime:
    return datetime(number // 10_000, number // 100 % 100, number % 100, tzinfo=UTC)


def _rising(numbers: Sequence[int]) -> bool:
    return all(a < b for a, b in pairwise(numbers))
