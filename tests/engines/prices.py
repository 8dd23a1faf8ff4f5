"""Prices to trade on: a random walk with a seed, by day or by hour."""

from __future__ import annotations

import numpy as np
import pandas as pd

BARS = 400


def ohlcv(seed: int = 7, *, hourly: bool = False, names: str = "OHLCV") -> pd.DataFrame:
    """`names` gives the case of the columns: 'OHLCV' -> Open, 'ohlcv' -> open."""
    chance = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(chance.normal(0.0002, 0.012, BARS))), 2)
    opened = np.concatenate(([100.0], close[:-1]))
    frame = pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * 1.002,
            "low": np.minimum(opened, close) * 0.998,
            "close": close,
            "volume": 1e6,
        },
        index=dates(hourly),
    )
    return frame.rename(columns=str.capitalize) if names.isupper() else frame


def dates(hourly: bool) -> pd.DatetimeIndex:
    if hourly:
        return pd.date_range("2023-01-02", periods=BARS, freq="h", tz="America/New_York")
    return pd.bdate_range("2022-01-03", periods=BARS)


def total_loss(frame: pd.DataFrame) -> pd.DataFrame:
    """The same prices, falling to nothing from the middle on."""
    fall = np.ones(len(frame))
    fall[len(frame) // 2 :] = 0.9 ** np.arange(len(frame) - len(frame) // 2)
    prices = [name for name in frame if name.lower() != "volume"]
    return frame.assign(**{name: frame[name] * fall for name in prices})
