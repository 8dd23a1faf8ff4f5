"""zipline: the performance frame of `run_algorithm`; round trips come from its transactions.

One row is a session even where the bars were minutes, so the frame does not tell the timeframe.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from bt_lake.ingest.engines.fifo import round_trips
from bt_lake.ingest.engines.reading import SAME, dated, is_a, number, one, report, version
from bt_lake.ingest.run import Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MARKS = {"portfolio_value", "starting_cash", "ending_cash", "algorithm_period_return"}

# Cumulative columns: the last row is the result.
STATS = {
    "algorithm_period_return": ("total_return", SAME),
    "sharpe": ("sharpe_ratio", SAME),
    "sortino": ("sortino_ratio", SAME),
    "max_drawdown": ("max_drawdown", SAME),
    "algo_volatility": ("volatility", SAME),
    "portfolio_value": ("final_equity", SAME),
    "alpha": ("alpha", SAME),
    "beta": ("beta", SAME),
    "max_leverage": ("max_leverage", SAME),
}


def matches(obj: Any) -> bool:
    return is_a(obj, "pandas", "DataFrame") and set(obj.columns) >= MARKS


def to_runs(obj: Any) -> list[Run]:
    index = dated(obj.index, "zipline")
    capital = number(obj["starting_cash"].iloc[0])
    trades = _trades(obj)
    curve = {
        "ts": index,
        "equity": obj["portfolio_value"].to_numpy(),
        "cash": obj["ending_cash"].to_numpy(),
    }
    if "gross_leverage" in obj.columns:
        curve["exposure"] = obj["gross_leverage"].to_numpy()
    if "benchmark_period_return" in obj.columns and obj["benchmark_period_return"].any():
        curve["benchmark"] = capital * (1.0 + obj["benchmark_period_return"].to_numpy())
    return [
        Run(
            equity=curve,
            trades=trades,
            metrics=report(obj.iloc[-1].to_dict(), STATS),
            symbol=one(trades["symbol"]) if trades else None,
            initial_capital=capital,  # the first row is already after the first session
            engine="zipline",
            engine_version=version("zipline-reloaded"),
        )
    ]


def _trades(frame: Any) -> dict[str, Any] | None:
    """None where the frame came back from a file, without its objects."""
    import numpy as np

    if "transactions" not in frame.columns or any(
        isinstance(c, str) for c in frame["transactions"]
    ):
        return None
    fills = list(chain.from_iterable(frame["transactions"]))
    quantity = np.array([fill["amount"] for fill in fills], np.float64)
    return round_trips(
        [getattr(fill["sid"], "symbol", str(fill["sid"])) for fill in fills],
        _times([fill["dt"] for fill in fills]),
        quantity,
        np.array([fill["price"] for fill in fills], np.float64),
        fee=_fee_per_unit(frame, fills) * np.abs(quantity),
        multiplier=[getattr(fill["sid"], "price_multiplier", 1.0) for fill in fills],
    )


def _fee_per_unit(frame: Any, fills: list[Any]) -> NDArray[np.float64]:
    """Commissions stand with the orders, which are repeated day by day with the sum so far."""
    import numpy as np

    rates: dict[str, float] = {}
    for order in chain.from_iterable(frame["orders"] if "orders" in frame.columns else ()):
        if order["filled"]:
            rates[order["id"]] = (order["commission"] or 0.0) / abs(order["filled"])
    return np.array([rates.get(fill["order_id"], 0.0) for fill in fills], np.float64)


def _times(times: list[Any]) -> NDArray[np.datetime64]:
    """From Timestamps, which are UTC."""
    import numpy as np

    return np.array([time.value // 1_000 for time in times], np.int64).astype("datetime64[us]")
