"""backtesting.py: the stats of `Backtest.run`, and what `Backtest.optimize` returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bt_lake.ingest.engines.reading import (
    PERCENT,
    SAME,
    dated,
    days,
    is_a,
    plain,
    report,
    text,
    timeframe,
    version,
)
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput

# Profit factor, expectancy and best trade are over per-trade returns here, not over money.
STATS = {
    "Return [%]": ("total_return", PERCENT),
    "CAGR [%]": ("cagr", PERCENT),
    "Volatility (Ann.) [%]": ("volatility", PERCENT),
    "Sharpe Ratio": ("sharpe_ratio", SAME),
    "Sortino Ratio": ("sortino_ratio", SAME),
    "Calmar Ratio": ("calmar_ratio", SAME),
    "Max. Drawdown [%]": ("max_drawdown", PERCENT),
    "Equity Final [$]": ("final_equity", SAME),
    "# Trades": ("total_trades", SAME),
    "Win Rate [%]": ("win_rate", PERCENT),
    "Profit Factor": ("profit_factor", SAME),
    "Expectancy [%]": ("avg_trade_return", PERCENT),
    "SQN": ("sqn", SAME),
    "Exposure Time [%]": ("exposure", PERCENT),
    "Return (Ann.) [%]": ("annual_return", PERCENT),
    "Equity Peak [$]": ("peak_equity", SAME),
    "Commissions [$]": ("total_fees", SAME),
    "Buy & Hold Return [%]": ("buy_and_hold_return", PERCENT),
    "Alpha [%]": ("alpha", PERCENT),
    "Beta": ("beta", SAME),
    "Avg. Drawdown [%]": ("avg_drawdown", PERCENT),
    "Best Trade [%]": ("best_trade_return", PERCENT),
    "Worst Trade [%]": ("worst_trade_return", PERCENT),
    "Avg. Trade [%]": ("geometric_trade_return", PERCENT),
    "Kelly Criterion": ("kelly", SAME),
}
TRADES = {
    "EntryTime": "entry_at",
    "ExitTime": "exit_at",
    "EntryPrice": "entry_price",
    "ExitPrice": "exit_price",
    "PnL": "pnl",
    "ReturnPct": "return",
    "Commission": "fees",
}


def matches(obj: object) -> bool:
    if isinstance(obj, tuple):
        return bool(obj) and _is_stats(obj[0])
    return _is_stats(obj) or _is_heatmap(obj)


def to_runs(obj: Any, metric: str | None = None) -> list[Run]:
    """`metric` names what a heatmap holds where it does not know (`maximize` was a function)."""
    if isinstance(obj, tuple):
        best = _run(obj[0])
        heatmaps = [part for part in obj[1:] if _is_series(part)]
        return [best, *(run for h in heatmaps for run in _cells(h, metric, best))]
    if _is_stats(obj):
        return [_run(obj)]
    if not _is_series(obj):
        raise BadInput(f"no stats and no heatmap of backtesting.py: {type(obj).__name__}")
    return list(_cells(obj, metric, None))


def _is_series(obj: object) -> bool:
    return is_a(obj, "pandas", "Series")


def _is_stats(obj: Any) -> bool:
    return _is_series(obj) and "_equity_curve" in obj.index and "_trades" in obj.index


def _is_heatmap(obj: Any) -> bool:
    return (
        _is_series(obj)
        and obj.name in STATS
        and type(obj.index).__name__ == "MultiIndex"
        and all(isinstance(name, str) for name in obj.index.names)
    )


def _run(stats: Any) -> Run:
    curve = stats["_equity_curve"]
    index = dated(curve.index, "backtesting.py")
    metrics = report(stats, STATS)
    underwater = days(stats.get("Max. Drawdown Duration"))
    if underwater is not None:
        metrics["max_underwater_days"] = underwater
    strategy = stats.get("_strategy")
    return Run(
        None if strategy is None else type(strategy).__name__,
        equity=curve["Equity"],
        trades=_trades(stats["_trades"], strategy),
        metrics=metrics,
        params=None if strategy is None else _params(strategy),
        timeframe=timeframe(index),
        engine="backtesting.py",
        engine_version=version("backtesting"),
    )


def _params(strategy: Any) -> dict[str, Any]:
    """Class attributes hold the defaults, `_params` only what was passed to `run`."""
    found: dict[str, Any] = {}
    for base in reversed(type(strategy).__mro__):
        if base.__module__.split(".")[0] not in ("backtesting", "builtins", "abc"):
            found |= {
                name: value
                for name, value in vars(base).items()
                if not name.startswith("_") and not callable(value)
            }
    return plain(found | getattr(strategy, "_params", {}))


def _trades(frame: Any, strategy: Any) -> list[dict[str, Any]]:
    known = {*TRADES, "Size", "Tag", "EntryBar", "ExitBar", "Duration"}
    others = [name for name in frame.columns if name not in known]
    closed = [
        {
            **{ours: row[theirs] for theirs, ours in TRADES.items() if theirs in row},
            **_position(row["Size"], row.get("Tag")),
            **{name: row[name] for name in others if _is_known(row[name])},
        }
        for row in frame.to_dict("records")
    ]
    return [*closed, *_open_trades(strategy)]


def _is_known(value: Any) -> bool:
    return value is not None and value == value  # a stop that was never set is None or NaN


def _open_trades(strategy: Any) -> Iterator[dict[str, Any]]:
    """What is still open at the end is missing from `_trades`, but the strategy knows it."""
    for trade in getattr(strategy, "trades", ()):
        yield {
            "entry_at": trade.entry_time,
            "entry_price": trade.entry_price,
            **_position(trade.size, trade.tag),
        }


def _position(size: float, tag: object) -> dict[str, Any]:
    side = "long" if size > 0 else "short"
    return {"side": side, "quantity": abs(size), "entry_tag": text(tag)}


def _cells(heatmap: Any, metric: str | None, best: Run | None) -> Iterator[Run]:
    """One run per cell; the cell that `best` tells in full is left out."""
    theirs = metric or heatmap.name
    if theirs is None:
        raise BadInput(
            "this heatmap does not say what it holds: Run.from_backtesting(heatmap, metric=...)"
        )
    name, divisor = STATS.get(str(theirs), (str(theirs), SAME))
    known: Mapping[str, Any] = (best.params if best else None) or {}
    for values, value in heatmap.items():
        cell = dict(zip(heatmap.index.names, _as_tuple(values), strict=True))
        if best and all(known.get(key) == value for key, value in cell.items()):
            continue
        yield Run(
            best.strategy if best else None,
            params=plain({**known, **cell}),
            metrics=report({"": value}, {"": (name, divisor)}),
            timeframe=best.columns["timeframe"] if best else None,
            engine="backtesting.py",
            engine_version=version("backtesting"),
        )


def _as_tuple(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)
