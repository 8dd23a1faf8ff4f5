"""What `save` takes by name, for editors and type checkers; a test compares it with the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

Text: TypeAlias = str | None
Number: TypeAlias = float | None
Count: TypeAlias = int | None
Time: TypeAlias = Any  # a datetime, a date, their ISO text, a time of numpy or pandas, or a number


class RunKeywords(TypedDict, total=False):
    strategy: Text
    symbol: Text
    timeframe: Text
    exit_rule: Text
    params: Mapping[str, Any] | None
    equity: Any
    returns: Any
    duplicates: Text
    trades: Any
    metrics: Mapping[str, Any] | None
    tags: Sequence[str] | None
    notes: Text
    sweep: Text
    fold: Text
    sample: Text
    initial_capital: Number
    periods_per_year: Number
    currency: Text
    strategy_type: Text
    strategy_version: Text
    model_path: Text
    data_source: Text
    engine: Text
    engine_version: Text
    run_id: Text
    created_at: Time
    status: Text
    error: BaseException | str | None
    duration_s: Number
    config: Mapping[str, Any] | None
    entrypoint: Text
    reproduced_from: Text
    code_hash: Text
    data_hash: Text
    start_at: Time
    end_at: Time
    bars: Count
    time_zone: Text
    metric: str  # of an engine's heat map: what its cells hold

    # What the source reports where there is no curve to compute it from
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
    reported: Mapping[str, Any] | None
    extra: Mapping[str, Any] | None
    deleted_at: Time
