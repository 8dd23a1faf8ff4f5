"""vectorbt: a Portfolio of one or many columns; each column or cash-sharing group is a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bt_lake.ingest.engines.reading import (
    PERCENT,
    POSITIVE_DRAWDOWN_PERCENT,
    SAME,
    dated,
    instants,
    is_a,
    number,
    one,
    plain,
    report,
    timeframe,
    version,
)
from bt_lake.ingest.run import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Durations are left out: vectorbt counts bars as days. A year has 365 of them.
STATS = {
    "Total Return [%]": ("total_return", PERCENT),
    "Max Drawdown [%]": ("max_drawdown", POSITIVE_DRAWDOWN_PERCENT),
    "End Value": ("final_equity", SAME),
    "Sharpe Ratio": ("sharpe_ratio", SAME),
    "Sortino Ratio": ("sortino_ratio", SAME),
    "Calmar Ratio": ("calmar_ratio", SAME),
    "Total Closed Trades": ("total_trades", SAME),
    "Win Rate [%]": ("win_rate", PERCENT),
    "Profit Factor": ("profit_factor", SAME),
    "Expectancy": ("expectancy", SAME),
    "Omega Ratio": ("omega_ratio", SAME),
    "Total Fees Paid": ("total_fees", SAME),
    "Open Trade PnL": ("open_pnl", SAME),
}
# vectorbt's keys for these. What it compiles for the others (benchmark, gross exposure, durations,
# single trades) takes half a minute the first time, and says little.
_ASKED = [
    "total_return", "max_dd", "end_value", "sharpe_ratio", "sortino_ratio", "calmar_ratio",
    "total_closed_trades", "win_rate", "profit_factor", "expectancy", "omega_ratio",
    "total_fees_paid", "open_trade_pnl",
]  # fmt: skip
SYMBOL_LEVELS = ("symbol", "ticker", "asset")
OPEN = 0


def matches(obj: object) -> bool:
    return is_a(obj, "vectorbt", "Portfolio")


def to_runs(obj: Any) -> list[Run]:
    import numpy as np

    wrapper = obj.wrapper
    index = dated(wrapper.index, "vectorbt")
    bar = timeframe(index)
    symbols = [symbol for _, symbol in _labels(wrapper.columns)]
    grouper = wrapper.grouper
    groups = grouper.get_groups() if grouper.is_grouped() else np.arange(len(symbols))
    labels = _labels(wrapper.get_columns())
    values, cash = (_columns(frame) for frame in (obj.value(), obj.cash()))
    capital = np.broadcast_to(np.asarray(obj.init_cash, dtype=np.float64), len(labels))
    trades = _trades(obj.trades.values, instants(index), np.array(symbols, dtype=object), groups)
    reports = _reports(obj)
    return [
        Run(
            equity={"ts": index, "equity": values[:, i], "cash": cash[:, i]},
            trades=trades[i],
            metrics=reports[i] if reports else None,
            params=plain(params) or None,
            symbol=symbol or one(symbols[j] for j in np.flatnonzero(groups == i)),
            timeframe=bar,
            initial_capital=number(capital[i]) or None,
            engine="vectorbt",
            engine_version=version("vectorbt"),
        )
        for i, (params, symbol) in enumerate(labels)
    ]


def _columns(frame: Any) -> NDArray[Any]:
    values: NDArray[Any] = frame.to_numpy()
    return values.reshape(len(values), -1)


def _labels(columns: Any) -> list[tuple[dict[str, Any], str | None]]:
    """Parameters and symbol of each column, by the names of the column levels."""
    levels = list(zip(columns.names, zip(*map(_as_tuple, columns), strict=True), strict=True))
    labels: list[tuple[dict[str, Any], str | None]] = [({}, None) for _ in columns]
    for name, values in levels:
        tells_apart = len(set(values)) > 1
        is_text = all(isinstance(value, str) for value in values)
        unnamed = name is None and is_text and (tells_apart or len(levels) > 1)
        if str(name).lower() in SYMBOL_LEVELS or unnamed:
            labels = [
                (params, str(value)) for (params, _), value in zip(labels, values, strict=True)
            ]
        elif tells_apart or name not in (None, "group"):
            for (params, _), value in zip(labels, values, strict=True):
                params[str(name or "column")] = value
    return labels


def _as_tuple(label: Any) -> tuple[Any, ...]:
    return label if isinstance(label, tuple) else (label,)


def _reports(portfolio: Any) -> list[dict[str, float]]:
    """Some `stats` of every column; none where vectorbt cannot tell the frequency of the index."""
    try:
        stats = portfolio.stats(metrics=_ASKED, agg_func=None, silence_warnings=True)
    except ValueError:
        return []
    rows = stats.to_dict("records") if stats.ndim == 2 else [stats.to_dict()]
    return [report(row, STATS) for row in rows]


def _trades(
    records: NDArray[Any], at: NDArray[Any], symbols: NDArray[Any], groups: NDArray[Any]
) -> list[dict[str, Any]]:
    """Trades of each run; the made-up exit of an open one (the last close) is dropped."""
    import numpy as np

    run = groups[records["col"]]
    order = np.lexsort((records["entry_idx"], records["exit_idx"], run))
    records, run = records[order], run[order]
    is_open = records["status"] == OPEN

    def closed_only(values: NDArray[Any], missing: Any) -> NDArray[Any]:
        return np.where(is_open, missing, values)

    columns = {
        "symbol": symbols[records["col"]],
        "side": np.where(records["direction"] == 0, "long", "short"),
        "quantity": records["size"],
        "entry_at": at[records["entry_idx"]],
        "exit_at": closed_only(at[records["exit_idx"]], np.datetime64("NaT")),
        "entry_price": records["entry_price"],
        "exit_price": closed_only(records["exit_price"], np.nan),
        "pnl": closed_only(records["pnl"], np.nan),
        "return": closed_only(records["return"], np.nan),
        "fees": records["entry_fees"] + records["exit_fees"],
    }
    cuts = np.searchsorted(run, np.arange(1, groups.max() + 1))
    split = {name: np.split(values, cuts) for name, values in columns.items()}
    return [{name: split[name][i] for name in split} for i in range(int(groups.max()) + 1)]
