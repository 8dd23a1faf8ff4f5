"""What `save` and a sweep take by name; written by docs/generate.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

Text: TypeAlias = str | None
Number: TypeAlias = float | None
Count: TypeAlias = int | None
# A datetime, a date, their ISO text, a time of numpy or pandas, or a number.
Time: TypeAlias = Any
OneOrMore: TypeAlias = str | Iterable[str] | None


class RunKeywords(TypedDict, total=False):
    equity: Any
    trades: Any
    metrics: Mapping[str, Any] | None
    metric: str
    duplicates: str | None
    strategy: Text
    strategy_type: Text
    strategy_version: Text
    symbol: Text
    timeframe: Text
    exit_rule: Text
    model_path: Text
    data_source: Text
    engine: Text
    engine_version: Text
    sweep: Text
    study: Text
    fold: Text
    sample: Text
    tags: Sequence[str] | None
    notes: Text
    entrypoint: Text
    reproduced_from: Text
    code_hash: Text
    data_hash: Text
    params: Mapping[str, Any] | None
    config: Mapping[str, Any] | None
    run_id: Text
    created_at: Time
    status: Text
    error: BaseException | str | None
    duration_s: Number
    log: Text
    start_at: Time
    end_at: Time
    bars: Count
    periods_per_year: Number
    time_zone: Text
    currency: Text
    initial_capital: Number
    final_equity: Number
    total_return: Number
    cagr: Number
    volatility: Number
    sharpe_ratio: Number
    sortino_ratio: Number
    calmar_ratio: Number
    max_drawdown: Number
    drawdown_peak_at: Time
    drawdown_trough_at: Time
    drawdown_recovered_at: Time
    max_underwater_days: Number
    ulcer_index: Number
    var_95: Number
    cvar_95: Number
    tail_ratio: Number
    skew: Number
    kurtosis: Number
    sharpe_period: Number
    n_returns: Count
    best_period: Number
    worst_period: Number
    total_trades: Count
    winning_trades: Count
    losing_trades: Count
    win_rate: Number
    profit_factor: Number
    expectancy: Number
    avg_trade_return: Number
    avg_win: Number
    avg_loss: Number
    best_trade: Number
    worst_trade: Number
    avg_trade_hours: Number
    max_consecutive_losses: Count
    sqn: Number
    exposure: Number
    beta: Number
    alpha: Number
    correlation: Number
    r_squared: Number
    tracking_error: Number
    information_ratio: Number
    treynor_ratio: Number
    up_capture: Number
    down_capture: Number
    benchmark_return: Number
    excess_return: Number
    months_ahead: Number
    reported: Mapping[str, Any] | None
    extra: Mapping[str, Any] | None
    definitions: Text
    deleted_at: Time


class ToldKeywords(TypedDict, total=False):
    symbol: OneOrMore
    timeframe: OneOrMore
    exit_rule: OneOrMore
