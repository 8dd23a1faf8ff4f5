"""The numbers of a run on request: what each is called and means."""

from __future__ import annotations

from typing import Literal

from bt_lake.warehouse.schema import Column


def _column(name: str, unit: str, better: Literal["higher", "lower", ""], meaning: str) -> Column:
    return Column(name, "double", 0, "more", unit, meaning, better)


MORE = {
    column.name: column
    for column in (
        _column("sharpe_ratio", "ratio", "higher", "mean of returns less the risk-free rate over their standard deviation (ddof 1), annualised"),
        _column("sharpe_low", "ratio", "higher", "lower end of its 95 % interval by Lo (2002), for returns that remember: standard error by GMM with Newey and West's weights over 4 (n/100)^(2/9) lags"),
        _column("sharpe_high", "ratio", "higher", "upper end of it"),
        _column("sharpe_low_drawn", "ratio", "higher", "2.5 % quantile over 1,000 draws of the stationary bootstrap, blocks of a mean length of the cube root of n"),
        _column("sharpe_high_drawn", "ratio", "higher", "97.5 % quantile of them"),
        _column("sortino_ratio", "ratio", "higher", "the same mean over the downside deviation from the rate"),
        _column("omega", "ratio", "higher", "sum of returns above the risk-free rate over that of those below; NULL without one below"),
        _column("gain_to_pain", "ratio", "higher", "sum of the monthly returns over that of the losing ones (Schwager); NULL without one"),
        _column("recovery_factor", "ratio", "higher", "total return over the depth of the worst drawdown"),
        _column("time_in_market", "fraction", "", "share of returns other than 0"),
        _column("turnover", "1/year", "lower", "half of what was bought and sold (quantity times price), over the mean equity, a year; NULL where a trade lacks quantity or price"),
        _column("payoff_ratio", "ratio", "higher", "mean profit of the winning trades over the mean loss of the losing ones"),
        _column("kelly", "fraction", "", "share to bet by Kelly: win rate less the rate of losses over the payoff ratio; below 0 means none"),
        _column("trade_cvar_95", "fraction", "higher", "mean of the returns of trades at or below their 5 % quantile (linear); NULL where a closed trade has none"),
    )
}  # fmt: skip
