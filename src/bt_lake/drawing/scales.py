"""From values to places in a picture, and where a scale is labelled."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Linear:
    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        return self.start + (value - self.low) / span * (self.stop - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """Round values within the scale, at most so many."""
        span = self.high - self.low
        if not span > 0:
            return [self.low]
        rough = span / most
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(size * n for n in (1, 2, 2.5, 5, 10, 20) if size * n >= rough)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [n * step for n in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Log:
    """Of positive values: equal growth takes equal room."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        span = math.log(self.high / self.low) or 1.0
        return self.start + math.log(value / self.low) / span * (self.stop - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        for digits in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
            found = [
                d * 10.0**e
                for e in range(first, last + 1)
                for d in digits
                if self.low * 0.999 <= d * 10.0**e <= self.high * 1.001
            ]
            if len(found) <= most:
                break
        return found if len(found) > 1 else Linear(self.low, self.high, 0, 1).ticks(most)


@dataclass(frozen=True, slots=True)
class Time:
    """Of times in microseconds UTC."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        return Linear(self.low, self.high, self.start, self.stop)(value)

    def ticks(self, most: int = 8) -> list[tuple[float, str]]:
        """Years, months, days or times of day, whatever fits, with their labels."""
        span = (self.high - self.low) / _DAY
        for months, pattern in _MONTHS:
            if span / (months * 30.44) <= most and span / (months * 30.44) >= 1.8:
                found = [(at, t.strftime(pattern)) for at, t in self._months(months)]
                if len(found) > 1:
                    return found
        if span >= 2 * most and span / (_MONTHS[-1][0] * 30.44) > most:
            years = list(self._months(12))
            step = math.ceil(len(years) / most)
            return [(at, f"{t:%Y}") for at, t in years[::step]]
        return self._even(most)

    def _months(self, months: int) -> Iterator[tuple[float, datetime]]:
        first = _moment(self.low)
        at = datetime(first.year, 1, 1, tzinfo=UTC)
        while (place := _micros(at)) <= self.high:
            if place >= self.low:
                yield place, at
            year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
            if year > 9999:
                return
            at = at.replace(year=year, month=month + 1)

    def _even(self, most: int) -> list[tuple[float, str]]:
        rough = (self.high - self.low) / most
        rough = max(rough, _DAY) if rough >= 0.4 * _DAY else rough
        step = _STEPS[min(bisect_left(_STEPS, rough), len(_STEPS) - 1)]
        first = math.ceil(self.low / step)
        places = [n * step for n in range(first, math.floor(self.high / step) + 1)]
        pattern = "%Y-%m-%d" if step >= _DAY else "%H:%M" if self.high - self.low < _DAY else ""
        return [(at, _moment(at).strftime(pattern or "%m-%d %H:%M")) for at in places]


_MONTHS = ((1, "%Y-%m"), (3, "%Y-%m"), (6, "%Y-%m"), (12, "%Y"), (24, "%Y"), (60, "%Y"))
_STEPS = [
    *(n * 1_000_000 for n in (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200)),
    *(n * _DAY for n in (1, 2, 5, 10, 20)),
]


def _moment(micros: float) -> datetime:
    return _EPOCH + timedelta(microseconds=int(micros))


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
