"""Bar sizes: how many periods a year has, and what the timeframe is called."""

from __future__ import annotations

import numpy as np

from bt_lake.metrics.segments import NONE, Bools, Floats, Ints, Segments

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND
WEEK = 7 * DAY
YEAR = 31_557_600 * SECOND  # 365.25 days
COUNTABLE = 20 * DAY  # shorter spans hold too few sessions to count periods by

# A step may be off by a daylight saving hour, a holiday, the length of a month.
A_DAY, A_WEEK, A_MONTH = (20 * HOUR, 28 * HOUR), (6 * DAY, 8 * DAY), (27 * DAY, 33 * DAY)
UNITS = ((WEEK, "w"), (DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"))


def infer_periods_per_year(points: Segments, ts: Ints) -> Floats:
    """Periods a year by the median step; intraday bars are counted. NaN for a run of one point."""
    steps, step, _ = _steps(points, ts)
    span = points.pick(ts, points.ends - 1, NONE) - points.pick(ts, points.starts, NONE)
    sessions = np.where(trades_at_weekends(points, ts), 365.0, 252.0)
    short = (span < COUNTABLE) & (step < A_DAY[0])
    periods: Floats = steps.counts / span * YEAR
    if short.any():
        periods = np.where(short, sessions * _bars_a_session(points, ts), periods)
    periods = np.where(_within(step, A_DAY), sessions, periods)
    periods = np.where(_within(step, A_WEEK), 52.0, periods)
    periods = np.where(_within(step, A_MONTH), 12.0, periods)
    return np.where(steps.counts > 0, periods, np.nan)


def usual_step(points: Segments, ts: Ints) -> Ints:
    """The median step of each run; NONE for a run of one point."""
    return _steps(points, ts)[1]


def timeframe_of(ts: Ints, offsets: Ints) -> list[str | None]:
    """The bar size of each run, such as 1d, 1h or 5m; None where the steps have no rule."""
    steps, step, all_steps = _steps(Segments(offsets), ts)
    regular = 2 * steps.count(all_steps == steps.spread(step)) >= steps.counts
    return [_name(size, even) for size, even in zip(step.tolist(), regular.tolist(), strict=True)]


def _name(step: int, regular: bool) -> str | None:
    for (least, most), name in ((A_DAY, "1d"), (A_WEEK, "1w"), (A_MONTH, "1mo")):
        if least <= step <= most:
            return name
    if step <= 0 or not regular:
        return None
    return next((f"{step // unit}{letter}" for unit, letter in UNITS if step % unit == 0), None)


def _steps(points: Segments, ts: Ints) -> tuple[Segments, Ints, Ints]:
    """The steps within each run, their (lower) median, and all of them in one array."""
    steps = Segments.of_counts(np.maximum(points.counts - 1, 0))
    between = np.diff(ts)
    if len(points.starts) > 1:
        inner = np.ones(len(between), bool)
        heads = points.starts[(points.starts > 0) & (points.starts < len(ts))]
        inner[heads - 1] = False
        between = between[inner]
    median = steps.pick(steps.sorted(between), steps.starts + (steps.counts - 1) // 2, NONE)
    return steps, median, between


def _within(step: Ints, limits: tuple[int, int]) -> Bools:
    inside: Bools = (step >= limits[0]) & (step <= limits[1])
    return inside


def trades_at_weekends(points: Segments, ts: Ints) -> Bools:
    """Saturdays and Sundays are usual days: each has half of a seventh of the points, or more.

    Both: in UTC, a five-day week in Tokyo begins on Sunday, and one in Chicago ends on Saturday.
    """
    weekday = (ts // DAY + 3) % 7  # 1970-01-01 was a Thursday
    rarer = np.minimum(points.count(weekday == 5), points.count(weekday == 6))
    usual: Bools = (rarer > 0) & (14 * rarer >= points.counts)
    return usual


def _bars_a_session(points: Segments, ts: Ints) -> Floats:
    """The most points that a run has on one day (UTC)."""
    day = ts // DAY
    begins = np.ones(len(ts), bool)
    begins[1:] = day[1:] != day[:-1]
    begins[points.starts[points.counts > 0]] = True
    first = np.flatnonzero(begins)
    days = Segments(np.append(np.searchsorted(first, points.starts), len(first)))
    most: Floats = days.max(np.diff(first, append=len(ts)), 0).astype(np.float64)
    return most
