"""The statistics that freqtrade keeps of one strategy -> a Run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest.engines.reading import POSITIVE_DRAWDOWN, SAME, number, one, report
from bt_lake.ingest.formats.freqtrade.params import of_settings
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput

# Ratios are of closed trades by day here, and its Calmar is not cagr over drawdown.
STATS = {
    "profit_total": ("total_return", SAME),
    "cagr": ("cagr", SAME),
    "final_balance": ("final_equity", SAME),
    # that of the largest amount; the deepest fraction, where there is one, comes after it
    "max_drawdown_account": ("max_drawdown", POSITIVE_DRAWDOWN),
    "max_relative_drawdown": ("max_drawdown", POSITIVE_DRAWDOWN),
    "total_trades": ("total_trades", SAME),
    "market_change": ("buy_and_hold_return", SAME),
    "total_volume": ("total_volume", SAME),
}
RATIOS = {
    "sharpe": ("sharpe_ratio", SAME),
    "sortino": ("sortino_ratio", SAME),
    "calmar": ("calmar_ratio", SAME),
    "sqn": ("sqn", SAME),
}
TRADES = {
    "wins": ("winning_trades", SAME),
    "losses": ("losing_trades", SAME),
    "winrate": ("win_rate", SAME),
    "expectancy": ("expectancy", SAME),
    "profit_mean": ("avg_trade_return", SAME),
    "profit_median": ("median_trade_return", SAME),
    "max_consecutive_losses": ("max_consecutive_losses", SAME),
}
# Meaningful only if something was lost; 0 and 100 stand for "no loss".
WITH_LOSSES = {
    "profit_factor": ("profit_factor", SAME),
    "expectancy_ratio": ("expectancy_ratio", SAME),
}
WALLET = {
    "sharpe": ("wallet_sharpe", SAME),
    "sortino": ("wallet_sortino", SAME),
    "max_relative_drawdown": ("wallet_max_drawdown", POSITIVE_DRAWDOWN),
}
UNDEFINED = -100.0
A_DAY = 86_400_000  # milliseconds
MOST_DAYS = 100_000


def run_of(name: str, stats: Mapping[str, Any], wallet: Any = None) -> Run:
    """The run of a strategy; without its wallet the curve is that of closed trades, day by day."""
    started, ended = stats.get("backtest_run_start_ts"), stats.get("backtest_run_end_ts")
    return Run(
        str(stats.get("strategy_name") or name),
        equity=closed_curve(stats) if wallet is None else wallet_curve(stats, wallet),
        trades=trades_of(stats["trades"]),
        metrics=metrics_of(stats),
        params=of_settings(stats),
        symbol=one(stats.get("pairlist") or ()),
        timeframe=stats.get("timeframe"),
        currency=stats.get("stake_currency"),
        initial_capital=number(stats.get("starting_balance")),
        created_at=datetime.fromtimestamp(ended, UTC) if ended else None,
        duration_s=max(ended - started, 0) if started and ended else None,
        engine="freqtrade",
    )


def metrics_of(stats: Mapping[str, Any]) -> dict[str, float]:
    found = report(stats, STATS)
    wallet = stats.get("wallet_stats") or {}
    ratios = report(stats, RATIOS) if stats["total_trades"] else {}
    ratios |= report({k: v for k, v in wallet.items() if v != UNDEFINED}, WALLET)
    found |= {name: value for name, value in ratios.items() if value != UNDEFINED}
    if stats["total_trades"]:
        found |= report(stats, TRADES)
    if stats.get("losses"):
        found |= report(stats, WITH_LOSSES)
    return found


def wallet_curve(stats: Mapping[str, Any], wallet: Any) -> dict[str, NDArray[Any]]:
    """The sum of what every currency is worth, by date.

    The last date is before the forced exit of what was open, whose fees the final balance has
    paid: that balance takes its place.
    """
    at = wallet["date"].to_numpy().astype("datetime64[us]")
    worth = wallet["total_quote"].to_numpy().astype(np.float64)
    stake = np.array(
        [name == stats.get("stake_currency") for name in wallet["currency"].to_pylist()]
    )
    dates, date = np.unique(at, return_inverse=True)
    total, cash = (
        np.bincount(date, weights=weights, minlength=len(dates))
        for weights in (worth, np.where(stake, worth, 0.0))
    )
    final = number(stats.get("final_balance"))
    if final is not None and len(dates):
        end = max(dates[-1], np.datetime64(int(stats["backtest_end_ts"]), "ms"))
        dates, total, cash = (
            np.append(column, last)
            for column, last in ((dates, end), (total, final), (cash, final))
        )
    return {"ts": dates, "equity": total, "cash": cash}


def closed_curve(stats: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Starting balance plus the profits of closed trades, for every day of the backtest."""
    profits = stats.get("daily_profit") or [
        (trade["close_date"][:10], trade["profit_abs"]) for trade in stats["trades"]
    ]
    days = np.array([day for day, _ in profits], "datetime64[D]").astype(np.int64).tolist()
    span = [int(stats[name]) // A_DAY for name in ("backtest_start_ts", "backtest_end_ts")]
    first, last = min([*days, *span]), max([*days, *span])
    if last - first > MOST_DAYS:
        raise BadInput(f"the backtest spans {last - first:,} days")
    earned = np.bincount(
        np.array([day - first for day in days], np.intp),
        weights=[float(profit) for _, profit in profits],
        minlength=last - first + 1,
    )
    return {
        "ts": np.arange(first, last + 1).astype("datetime64[D]"),
        "equity": float(stats["starting_balance"]) + np.cumsum(earned),
    }


def trades_of(trades: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Profits are net of fees and funding; a forced exit at the end is a real one, with its fee."""

    def column(name: str, older: str = "") -> list[Any]:
        return [trade.get(name, trade.get(older)) for trade in trades]

    def numbers(name: str) -> NDArray[np.float64]:
        return np.array([number(value) for value in column(name)], np.float64)

    ended = ~np.array(column("is_open"), dtype=bool)
    short = np.array(column("is_short"), dtype=bool)
    amount, entry, exit_ = (numbers(name) for name in ("amount", "open_rate", "close_rate"))
    lowest, highest = numbers("min_rate") - entry, numbers("max_rate") - entry

    def where_ended(values: Any) -> list[Any]:
        return [value if there else None for value, there in zip(values, ended, strict=True)]

    return {
        "symbol": column("pair"),
        "side": np.where(short, "short", "long"),
        "quantity": amount,
        "entry_at": column("open_date"),
        "exit_at": where_ended(column("close_date")),
        "entry_price": entry,
        "exit_price": np.where(ended, exit_, np.nan),
        "pnl": np.where(ended, numbers("profit_abs"), np.nan),
        "return": np.where(ended, numbers("profit_ratio"), np.nan),
        "fees": amount
        * (entry * numbers("fee_open") + np.where(ended, exit_ * numbers("fee_close"), 0)),
        "mae": amount * np.minimum(np.where(short, -highest, lowest), 0),
        "mfe": amount * np.maximum(np.where(short, -lowest, highest), 0),
        "entry_tag": column("enter_tag", "buy_tag"),
        "exit_reason": column("exit_reason", "sell_reason"),
        "stake_amount": column("stake_amount"),
        "leverage": column("leverage"),
        "funding_fees": column("funding_fees"),
    }
