"""pybroker: a TestResult. Its trades are gross of fees, which its orders know."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from bt_lake.ingest.engines.fifo import round_trips
from bt_lake.ingest.engines.reading import (
    PERCENT,
    SAME,
    dated,
    is_a,
    number,
    one,
    report,
    timeframe,
    version,
)
from bt_lake.ingest.run import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Total pnl and return are of closed trades and before fees here: the curve tells the others.
ACCOUNT = {
    "end_market_value": ("final_equity", SAME),
    "max_drawdown_pct": ("max_drawdown", PERCENT),
    "annual_volatility_pct": ("volatility", PERCENT),
    "ulcer_index": ("ulcer_index", PERCENT),
    "trade_count": ("total_trades", SAME),
    "total_fees": ("total_fees", SAME),
    "total_pnl": ("realized_pnl_gross", SAME),
    "total_return_pct": ("realized_return_gross", PERCENT),
    "unrealized_pnl": ("open_pnl", SAME),
    "equity_r2": ("equity_r2", SAME),
}
# 0 stands for undefined. The profit factor is over bars, not trades.
RATIOS = {
    "sharpe": ("sharpe_ratio", SAME),
    "sortino": ("sortino_ratio", SAME),
    "calmar": ("calmar_ratio", SAME),
    "profit_factor": ("bar_profit_factor", SAME),
    "upi": ("ulcer_performance_index", SAME),
}
# Where `bars_per_year` was not set, they are per bar.
PER_BAR = {"sharpe": ("sharpe_period", SAME), "sortino": ("sortino_period", SAME)}
TRADES = {
    "winning_trades": ("winning_trades", SAME),
    "losing_trades": ("losing_trades", SAME),
    "win_rate": ("win_rate", PERCENT),
    "avg_pnl": ("expectancy", SAME),
    "avg_return_pct": ("avg_trade_return", PERCENT),
    "avg_profit": ("avg_win", SAME),
    "avg_loss": ("avg_loss", SAME),
    "largest_win": ("best_trade", SAME),
    "largest_loss": ("worst_trade", SAME),
    "max_losses": ("max_consecutive_losses", SAME),
}


def matches(obj: object) -> bool:
    return is_a(obj, "pybroker", "TestResult")


def to_runs(obj: Any) -> list[Run]:
    portfolio = obj.portfolio
    index = dated(portfolio.index, "pybroker")
    return [
        Run(
            equity={
                "ts": index,
                "equity": portfolio["market_value"].to_numpy(),
                "cash": portfolio["cash"].to_numpy(),
            },
            trades=_trades(obj.trades, obj.orders),
            metrics=_metrics(obj.metrics),
            symbol=one(obj.symbols),
            timeframe=timeframe(index),
            engine="pybroker",
            engine_version=version("lib-pybroker"),
        )
    ]


def _metrics(metrics: Any) -> dict[str, float]:
    told = {name: getattr(metrics, name, None) for name in (*ACCOUNT, *RATIOS, *TRADES)}
    annual = getattr(metrics, "annual_volatility_pct", None) is not None
    ratios = report(told, RATIOS if annual else RATIOS | PER_BAR)
    found = report(told, ACCOUNT) | {name: value for name, value in ratios.items() if value}
    if number(told["trade_count"]):
        found |= report(told, TRADES)
    return found


def _trades(closed: Any, orders: Any) -> dict[str, Any]:
    """Trades of the result, net of fees, and what the orders left open."""
    import numpy as np

    left = _still_open(orders)
    is_long = (closed["type"] == "long").to_numpy(bool)
    shares, entry, exit_, gross = (
        closed[name].to_numpy(np.float64) for name in ("shares", "entry", "exit", "pnl")
    )
    fees = shares * (
        _fee_per_share(closed, "entry_date", np.where(is_long, "buy", "sell"), orders)
        + _fee_per_share(closed, "exit_date", np.where(is_long, "sell", "buy"), orders)
    )
    pnl = gross - fees
    columns = {
        "symbol": closed["symbol"].to_numpy(object),
        "side": np.where(is_long, "long", "short"),
        "quantity": shares,
        "entry_at": _times(closed["entry_date"]),
        "exit_at": _times(closed["exit_date"]),
        "entry_price": entry,
        "exit_price": exit_,
        "pnl": pnl,
        "return": pnl / (shares * entry),
        "fees": fees,
        # per share, as the engine has them
        "mae": closed["mae"].to_numpy(np.float64) * shares,
        "mfe": closed["mfe"].to_numpy(np.float64) * shares,
        "exit_reason": closed["stop"].astype(object).to_numpy(),
    }
    nothing = np.full(len(left["pnl"]), np.nan)
    left |= {"mae": nothing, "mfe": nothing, "exit_reason": np.full(len(nothing), None)}
    return {name: np.concatenate([column, left[name]]) for name, column in columns.items()}


def _still_open(orders: Any) -> dict[str, Any]:
    """Open positions are missing from the trades; pybroker too closes first in, first out."""
    import numpy as np

    sign = np.where((orders["type"] == "buy").to_numpy(bool), 1.0, -1.0)
    trips = round_trips(
        orders["symbol"].tolist(),
        _times(orders["date"]),
        sign * orders["shares"].to_numpy(np.float64),
        orders["fill_price"].to_numpy(np.float64),
        fee=orders["fees"].to_numpy(np.float64),
    )
    is_open = np.isnat(trips["exit_at"])
    return {name: column[is_open] for name, column in trips.items()}


def _fee_per_share(trades: Any, date: str, side: NDArray[Any], orders: Any) -> NDArray[Any]:
    """The fee of a share by the symbol, bar and direction of the orders that traded it."""
    import numpy as np

    paid: dict[Any, float] = defaultdict(float)
    shares: dict[Any, float] = defaultdict(float)
    for symbol, at, kind, size, fee in zip(
        *(orders[name] for name in ("symbol", "date", "type", "shares", "fees")), strict=True
    ):
        paid[symbol, at, kind] += float(fee)
        shares[symbol, at, kind] += float(size)
    keys = zip(trades["symbol"], trades[date], side, strict=True)
    return np.array([paid[key] / shares[key] if shares.get(key) else 0.0 for key in keys])


def _times(column: Any) -> NDArray[Any]:
    times: NDArray[Any] = column.to_numpy().astype("datetime64[us]")
    return times
