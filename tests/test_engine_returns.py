"""Series of returns: compounded to a curve, and measured as quantstats measured them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from adapted import rows_of

from bt_lake.ingest.engines import recognise, returns
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput

DATA = Path(__file__).parent / "data" / "engines"


def prices_of_syn() -> pd.Series:
    """Closes of the data that the engines ran on: backtrader held 50 of it, long or short."""
    held = pd.read_csv(DATA / "backtrader/daily_pf_positions.csv", index_col=0, parse_dates=True)
    lines = (DATA / "backtrader/writer_out.csv").read_text().splitlines()[1:]
    rows = [line for line in lines if line[:1].isdigit() or line.startswith("Id")]
    seen = pd.read_csv(io.StringIO("\n".join(rows)))
    close = (held["SYN"].abs() / 50).replace(0, np.nan)
    close.iloc[: len(seen)] = seen["close"]
    return close


def prices_of_crash() -> pd.Series:
    """bt bought 10,040 of it on the first day."""
    values = pd.read_parquet(DATA / "bt/ruin_bh_values.parquet")
    return ((values["value"] - values["cash"]) / 10_040).iloc[1:]


def told(name: str, column: str = "Strategy") -> dict[str, float]:
    """The table of quantstats, rounded to two digits, '-' where undefined."""
    table = pd.read_csv(DATA / f"quantstats/{name}_metrics.csv", index_col=0)[column]
    return pd.to_numeric(table, errors="coerce").dropna().to_dict()


# Its CAGR and Calmar count 252 days to the year instead of looking at the calendar.
OURS = {
    "Cumulative Return": "total_return",
    "Sharpe": "sharpe_ratio",
    "Sortino": "sortino_ratio",
    "Max Drawdown": "max_drawdown",
    "Volatility (ann.)": "volatility",
    "Ulcer Index": "ulcer_index",
    "Best Day": "best_period",
    "Worst Day": "worst_period",
}


@pytest.mark.parametrize("column", ["daily", "daily_vs_benchmark", "ruin", "zero"])
def test_metrics_agree_with_quantstats_to_its_two_digits(column: str) -> None:
    prices = {"ruin": prices_of_crash, "zero": lambda: prices_of_syn() * 0 + 1}
    series = prices.get(column, prices_of_syn)().pct_change().dropna().rename("returns")
    (row,) = rows_of(returns, series)
    compared = {label: told(column)[label] for label in OURS.keys() & told(column).keys()}
    assert len(compared) >= 4
    for label, value in compared.items():
        assert row[OURS[label]] == pytest.approx(value, abs=0.0051), label


def test_a_leading_nan_is_no_point() -> None:
    series = prices_of_syn().pct_change().rename("returns")
    (row,), (same,) = rows_of(returns, series), rows_of(returns, series.dropna())
    assert row["n_returns"] == same["n_returns"] == 779
    assert row["total_return"] == pytest.approx(same["total_return"])
    assert row["initial_capital"] == 1


def test_capital_scales_the_money_only() -> None:
    series = prices_of_syn().pct_change().rename("returns")
    (row,) = rows_of(returns, series, initial_capital=50_000)
    (index,) = rows_of(returns, series)
    assert row["final_equity"] == pytest.approx(50_000 * index["final_equity"])
    assert row["sharpe_ratio"] == pytest.approx(index["sharpe_ratio"])


@pytest.mark.parametrize("name", ["returns", "Strategy", "Daily_Returns", "close", None, 0])
def test_only_a_name_that_says_returns_is_recognised(name: object) -> None:
    series = prices_of_syn().pct_change().rename(name)
    said = str(name).lower().endswith("returns")
    assert (recognise(series) is returns) is said
    run = Run.from_returns(series, strategy="s")
    assert isinstance(run, Run)


def test_a_table_of_rounded_metrics_is_not_taken_for_anything() -> None:
    table = pd.read_csv(DATA / "quantstats/daily_vs_benchmark_metrics.csv", index_col=0)
    assert recognise(table) is None


@pytest.mark.parametrize("percent", [[1.5, -2.5, 0.3], [-100.0, 5.0, 1.0]])
def test_percent_are_refused_where_they_show(percent: list[float]) -> None:
    series = pd.Series(percent, index=pd.date_range("2024-01-01", periods=3), name="returns")
    with pytest.raises(BadInput, match="divide percent by 100"):
        returns.to_runs(series)


def test_what_is_no_series_with_dates_is_refused() -> None:
    with pytest.raises(BadInput, match="pandas Series"):
        returns.to_runs([0.1, 0.2])
    with pytest.raises(BadInput, match="DatetimeIndex"):
        returns.to_runs(pd.Series([0.1, 0.2]))
