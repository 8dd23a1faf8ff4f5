"""nautilus_trader: an engine after `run`, or its BacktestResult with the reports of the trader.

There is no equity curve: account reports hold balances at events only, without open positions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bt_lake.ingest.engines.nautilus import positions
from bt_lake.ingest.engines.reading import (
    PERCENT,
    SAME,
    is_a,
    number,
    one,
    report,
    untexted,
    version,
)
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput

PACKAGE = "nautilus_trader"

PNL = {
    "PnL (total)": ("balance_change", SAME),
    "Max Winner": ("best_trade", SAME),
    "Avg Winner": ("avg_win", SAME),
    "Avg Loser": ("avg_loss", SAME),
    "Max Loser": ("worst_trade", SAME),
    "Expectancy": ("expectancy", SAME),
    "Win Rate": ("win_rate", SAME),
}
# Of the returns of closed positions by closing day, not of the portfolio: none of them is its
# Sharpe ratio or volatility.
RETURNS = {
    "Returns Volatility (252 days)": ("position_returns_volatility", SAME),
    "Sharpe Ratio (252 days)": ("position_returns_sharpe", SAME),
    "Sortino Ratio (252 days)": ("position_returns_sortino", SAME),
    "Profit Factor": ("position_returns_profit_factor", SAME),
    "Average (Return)": ("position_returns_mean", SAME),
}
# What every StrategyConfig has beside the strategy's own parameters.
CONFIG = {
    "strategy_id",
    "instrument_id",
    "bar_type",
    "order_id_tag",
    "oms_type",
    "external_order_claims",
    "manage_contingent_orders",
    "manage_gtd_expiry",
    "manage_stop",
    "use_uuid_client_order_ids",
    "use_hyphens_in_client_order_ids",
    "log_events",
    "log_commands",
    "log_rejected_due_post_only_as_warning",
}
BAR_TYPE = re.compile(r"-(\d+)-(SECOND|MINUTE|HOUR|DAY|WEEK|MONTH)-")
BAR_UNITS = {"SECOND": "s", "MINUTE": "m", "HOUR": "h", "DAY": "d", "WEEK": "w", "MONTH": "mo"}


@dataclass(slots=True)
class Parts:
    """What is known of one backtest."""

    result: Any
    positions: Any = None
    accounts: list[Any] = field(default_factory=list)
    configs: list[Mapping[str, Any]] = field(default_factory=list)
    strategies: list[str] = field(default_factory=list)

    def told(self, name: str) -> Any:
        if isinstance(self.result, Mapping):
            return self.result.get(name)
        return getattr(self.result, name, None)


def matches(obj: object) -> bool:
    if isinstance(obj, Mapping) and not _is_result(obj):
        return any(map(_is_result, obj.values()))
    if isinstance(obj, (list, tuple)):
        return any(map(_is_result, obj))
    return _is_result(obj) or is_a(obj, PACKAGE, "BacktestEngine")


def to_runs(obj: Any) -> list[Run]:
    """A list of results, as a BacktestNode returns, is many runs; a result with reports is one."""
    if is_a(obj, PACKAGE, "BacktestEngine"):
        return [_run(_of_engine(obj))]
    if _is_result(obj):
        return [_run(Parts(obj))]
    if isinstance(obj, (list, tuple)) and all(map(_is_result, obj)):
        return [_run(Parts(result)) for result in obj]
    return [_run(_of_reports(obj.values() if isinstance(obj, Mapping) else obj))]


def _is_result(obj: Any) -> bool:
    """A BacktestResult, or what `asdict` makes of it."""
    if isinstance(obj, Mapping):
        return "stats_pnls" in obj and "stats_returns" in obj
    return is_a(obj, PACKAGE, "BacktestResult")


def _of_engine(engine: Any) -> Parts:
    trader = engine.trader
    strategies = trader.strategies()
    return Parts(
        engine.get_result(),
        trader.generate_positions_report(),
        [trader.generate_account_report(venue) for venue in engine.list_venues()],
        [_config(strategy.config) for strategy in strategies],
        [type(strategy).__name__ for strategy in strategies],
    )


def _of_reports(given: Iterable[Any]) -> Parts:
    """Reports are told by their columns; those of orders and fills add nothing to positions."""
    parts = Parts(None)
    for each in given:
        columns = set(getattr(each, "columns", ()))
        if _is_result(each):
            parts.result = each
        elif {"avg_px_open", "realized_pnl"} <= columns:
            parts.positions = each
        elif {"total", "free", "currency"} <= columns:
            parts.accounts.append(each)
        elif isinstance(each, Mapping) or is_a(each, PACKAGE, "StrategyConfig"):
            parts.configs.append(_config(each))
    if parts.result is None:
        raise BadInput("no BacktestResult of nautilus_trader among these reports")
    if parts.positions is not None and len(parts.positions):
        ids = parts.positions["strategy_id"]
        parts.strategies = [re.sub(r"-\d+$", "", name) for name in set(ids)]
    return parts


def _config(config: Any) -> Mapping[str, Any]:
    return config if isinstance(config, Mapping) else json.loads(config.json())


def _run(parts: Parts) -> Run:
    told = parts.told

    trades = None if parts.positions is None else positions.read(parts.positions)
    if trades is None and told("total_positions") == 0:
        trades = {}
    open_ones = bool(trades) and positions.some_open(trades)
    currency = _currency(told("stats_pnls"), parts.positions)
    pnls = told("stats_pnls").get(currency, {})
    capital = _capital(pnls, parts.accounts, currency)
    configs = parts.configs
    return Run(
        one(parts.strategies),
        trades=trades,
        metrics=_metrics(pnls, told("stats_returns"), None if open_ones else capital),
        params=_params(configs[0]) if len(configs) == 1 else None,
        config={
            "nautilus_run_id": told("run_id"),
            "run_config_id": told("run_config_id"),
            "strategies": configs,
        },
        symbol=one(config.get("instrument_id") for config in configs) or _traded(parts.positions),
        timeframe=one(_timeframe(config.get("bar_type")) for config in configs),
        currency=currency,
        initial_capital=capital,
        start_at=_time(told("backtest_start")),
        end_at=_time(told("backtest_end")),
        created_at=_time(told("run_finished")),
        duration_s=(told("run_finished") - told("run_started")) / 1e9,
        engine="nautilus_trader",
        engine_version=version(PACKAGE),
    )


def _metrics(
    pnls: Mapping[str, Any], returns: Mapping[str, Any], capital: float | None
) -> dict[str, float]:
    """Zeros stand for the undefined until a position is closed.

    The change of balance is the profit only where nothing is left open: a cash account has spent
    the price of what it holds, a margin account does not show what it lost on it.
    """
    closed = bool(report(returns, RETURNS))
    found = report(pnls, PNL if closed else {"PnL (total)": PNL["PnL (total)"]})
    found = {name: v for name, v in found.items() if v or name not in ("avg_win", "avg_loss")}
    if capital and "balance_change" in found:
        found["final_equity"] = capital + found["balance_change"]
        found |= report(pnls, {"PnL% (total)": ("total_return", PERCENT)})
    return found | report(returns, RETURNS)


def _currency(pnls: Mapping[str, Any], frame: Any) -> str | None:
    """The currency the profits are in; a spot account lists every currency it holds."""
    if frame is not None and len(frame):
        return one(positions.currency_of(amount) for amount in frame["realized_pnl"])
    moved = [name for name, stats in pnls.items() if stats.get("PnL (total)")]
    return one(moved or list(pnls)[:1])


def _capital(pnls: Mapping[str, Any], accounts: list[Any], currency: str | None) -> float | None:
    """Final balance less profit: the first row of a margin account has already paid commission."""
    profit = number(pnls.get("PnL (total)"))
    if profit is None:
        return None
    held = [frame[frame["currency"].astype(str) == currency] for frame in accounts]
    last = [float(frame["total"].iloc[-1]) for frame in held if len(frame)]
    if last:
        return round(sum(last) - profit, 8)
    percent = number(pnls.get("PnL% (total)"))
    return round(profit / percent * PERCENT, 2) if percent else None


def _traded(frame: Any) -> str | None:
    return one(frame["instrument_id"]) if frame is not None and len(frame) else None


def _params(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the strategy added to its config; decimals are text in its JSON."""
    return {name: untexted(value) for name, value in config.items() if name not in CONFIG}


def _timeframe(bar_type: object) -> str | None:
    found = BAR_TYPE.search(str(bar_type))
    return found and found[1] + BAR_UNITS[found[2]]


def _time(nanoseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC) if nanoseconds else None
