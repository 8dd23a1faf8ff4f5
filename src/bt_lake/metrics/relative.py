"""A run beside a benchmark: what it gained with it, and what beyond it."""

from __future__ import annotations

import numpy as np

from bt_lake.metrics.segments import ROUNDING, Bools, Floats, Ints
from bt_lake.warehouse.schema import RUNS

STORED = tuple(column.name for column in RUNS.columns if column.group == "benchmark")
NAMES = (*STORED, "returns")  # how many returns both have
FEWEST = 4  # returns, as for the Sharpe ratio


def relative(
    r: Floats, b: Floats, months: Ints, periods_per_year: float, rate: float = 0.0
) -> dict[str, float]:
    """Numbers of the returns `r` beside those of the benchmark at the same times; NaN: undefined.

    `months` names the month of each return, `rate` is the risk-free one a year.
    """
    with np.errstate(all="ignore"):
        found = _relative(r, b, months, periods_per_year, rate)
    return {name: value if np.isfinite(value) else np.nan for name, value in found.items()}


def _relative(
    r: Floats, b: Floats, months: Ints, periods_per_year: float, rate: float
) -> dict[str, float]:
    free = (1.0 + rate) ** (1.0 / periods_per_year) - 1.0 if rate else 0.0
    enough = r.size >= FEWEST
    beta = correlation = np.nan
    if enough and _varies(b):
        covariance = np.cov(r, b, ddof=1)
        beta = covariance[0, 1] / covariance[1, 1]
        if _varies(r):
            correlation = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    year = np.sqrt(periods_per_year)
    active = r - b
    error = active.std(ddof=1) * year if enough and _varies(active) else np.nan
    premium = (r - free).mean() * periods_per_year if enough else np.nan
    return {
        "beta": beta,
        "alpha": premium - beta * (b - free).mean() * periods_per_year if enough else np.nan,
        "correlation": correlation,
        "r_squared": correlation**2,
        "tracking_error": error,
        "information_ratio": active.mean() * periods_per_year / error if enough else np.nan,
        "treynor_ratio": premium / beta if abs(beta) > ROUNDING else np.nan,
        "up_capture": _captured(r, b, b > 0),
        "down_capture": _captured(r, b, b < 0),
        "benchmark_return": float(np.prod(1.0 + b)) - 1.0 if r.size else np.nan,
        "excess_return": float(np.prod(1.0 + r) - np.prod(1.0 + b)) if r.size else np.nan,
        "months_ahead": _months_ahead(r, b, months),
        "returns": float(r.size),
    }


def _varies(values: Floats) -> bool:
    return bool(np.ptp(values) > ROUNDING)


def _captured(r: Floats, b: Floats, when: Bools) -> float:
    """Compound growth a period of the one over that of the other, while the benchmark went so."""
    n = int(when.sum())
    if not n:
        return np.nan
    grown, led = (float(np.prod(1.0 + each[when])) for each in (r, b))
    return float((max(grown, 0.0) ** (1.0 / n) - 1.0) / (led ** (1.0 / n) - 1.0))


def _months_ahead(r: Floats, b: Floats, months: Ints) -> float:
    if not months.size:
        return np.nan
    starts = np.flatnonzero(np.diff(months, prepend=months[0] - 1))
    ours, theirs = (np.multiply.reduceat(1.0 + each, starts) for each in (r, b))
    return float(np.mean(ours > theirs))
