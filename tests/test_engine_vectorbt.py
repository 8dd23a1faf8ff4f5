"""vectorbt 1.2.0: portfolios as the engine dumped them become runs."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from adapted import reported, rows_of

from bt_lake.ingest.engines import vectorbt
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput

DATA = Path(__file__).parent / "data" / "engines" / "vectorbt"


class Portfolio:
    """What a vectorbt Portfolio answers, from the files it was dumped to."""

    __module__ = "vectorbt.portfolio.base"

    def __init__(self, value: Any, trades: pd.DataFrame, stats: Any, columns: pd.Index) -> None:
        self._value, self._stats = value, stats
        self.init_cash: Any = 10_000.0
        self.wrapper = SimpleNamespace(
            index=value.index,
            columns=columns,
            get_columns=lambda: columns,
            grouper=SimpleNamespace(is_grouped=lambda: False),
        )
        self.trades = SimpleNamespace(values=records(trades, value.index, columns))

    def value(self) -> Any:
        return self._value

    def cash(self) -> Any:
        return self._value * 0

    def stats(self, metrics: list[str], agg_func: object, silence_warnings: bool) -> Any:
        if self._stats is None:
            raise ValueError("<BusinessDay> is a non-fixed frequency")
        return self._stats

    def group(self, columns: pd.Index, groups: list[int], value: Any) -> Portfolio:
        """Share the cash among the columns of each group."""
        self.wrapper.get_columns = lambda: columns
        self.wrapper.grouper = SimpleNamespace(
            is_grouped=lambda: True, get_groups=lambda: np.array(groups)
        )
        self._value, self._stats = value, None
        return self


def records(readable: pd.DataFrame, index: pd.DatetimeIndex, columns: pd.Index) -> np.ndarray:
    """The structured records behind `records_readable`."""
    labels = list(columns)
    column = [ast.literal_eval(str(label)) for label in readable["Column"]]
    rows = zip(
        [labels.index(label) for label in column],
        readable["Size"],
        index.get_indexer(pd.to_datetime(readable["Entry Timestamp"])),
        readable["Avg Entry Price"],
        readable["Entry Fees"],
        index.get_indexer(pd.to_datetime(readable["Exit Timestamp"])),
        readable["Avg Exit Price"],
        readable["Exit Fees"],
        readable["PnL"],
        readable["Return"],
        (readable["Direction"] == "Short").astype(int),
        (readable["Status"] == "Closed").astype(int),
        strict=True,
    )
    fields = "col size entry_idx entry_price entry_fees exit_idx exit_price exit_fees pnl return"
    floats = {"size", "entry_price", "entry_fees", "exit_price", "exit_fees", "pnl", "return"}
    kinds = [(n, "f8" if n in floats else "i8") for n in [*fields.split(), "direction", "status"]]
    return np.array(list(rows), dtype=kinds)


def portfolio(name: str) -> Portfolio:
    trades = pd.read_csv(DATA / f"{name}_trades.csv")
    values = pd.read_parquet(DATA / f"{name}_value.parquet")
    if name == "grid":
        stats = pd.read_csv(DATA / "grid_stats.csv").set_index(["fast_window", "slow_window"])
        stats["Max Drawdown Duration"] = pd.to_timedelta(stats["Max Drawdown Duration"])
        return Portfolio(values, trades, stats, stats.index)
    told = json.loads((DATA / f"{name}_stats.json").read_text())
    told["Max Drawdown Duration"] = pd.Timedelta(told["Max Drawdown Duration"])
    return Portfolio(values["value"], trades, pd.Series(told, dtype=object), pd.Index([0]))


def only(name: str) -> Run:
    assert vectorbt.matches(portfolio(name))
    (run,) = vectorbt.to_runs(portfolio(name))
    return run


def test_one_column_is_a_run_without_params() -> None:
    run = only("single")
    assert (run.strategy, run.params, run.columns["symbol"]) == (None, None, None)
    assert run.columns["timeframe"] == "1d"
    assert run.columns["initial_capital"] == 10_000
    assert run.equity["equity"][-1] == pytest.approx(8652.32035735807, abs=1e-6)
    assert run.metrics is not None
    assert run.metrics["total_return"] == pytest.approx(-0.13476796426419297)
    assert run.metrics["max_drawdown"] == pytest.approx(-0.3011331393750299)
    assert run.metrics["win_rate"] == 0.25
    assert run.metrics["total_trades"] == 12
    assert "max_underwater_days" not in run.metrics  # 574 bars, told as days


def test_trades_agree_with_the_stats() -> None:
    run = only("single")
    closed = ~np.isnat(run.trades["exit_at"])
    assert (len(closed), closed.sum()) == (13, 12)
    pnl = run.trades["pnl"][closed]
    assert pnl.mean() == pytest.approx(run.metrics["expectancy"])  # type: ignore[index]
    assert run.trades["fees"].sum() == pytest.approx(228.25509987388295)
    assert pnl[pnl > 0].sum() / -pnl[pnl < 0].sum() == pytest.approx(0.2504562067675399)
    gross = run.trades["quantity"] * (run.trades["exit_price"] - run.trades["entry_price"])
    assert (gross - run.trades["fees"])[closed] == pytest.approx(pnl)


def test_an_open_trade_has_no_exit() -> None:
    run = only("ruin_open")
    assert np.isnat(run.trades["exit_at"]).tolist() == [True]
    assert np.isnan(run.trades["pnl"]).tolist() == [True]
    assert np.isnan(run.trades["exit_price"]).tolist() == [True]
    assert run.metrics["total_return"] == pytest.approx(-0.99996, abs=1e-5)  # type: ignore[index]


def test_zero_trades_leave_infinities_out() -> None:
    run = only("zero")
    assert len(run.trades["pnl"]) == 0
    assert run.metrics is not None
    assert run.metrics["total_trades"] == 0
    absent = {"sharpe_ratio", "sortino_ratio", "omega_ratio", "calmar_ratio", "win_rate"}
    assert absent.isdisjoint(run.metrics)


def test_columns_are_runs_and_levels_are_params() -> None:
    runs = vectorbt.to_runs(portfolio("grid"))
    assert [run.params for run in runs][:2] == [
        {"fast_window": 5, "slow_window": 10},
        {"fast_window": 5, "slow_window": 20},
    ]
    assert [len(run.trades["pnl"]) for run in runs] == [41, 21, 15, 20, 12, 10]
    stats = pd.read_csv(DATA / "grid_stats.csv")
    for run, (_, told) in zip(runs, stats.iterrows(), strict=True):
        closed = ~np.isnat(run.trades["exit_at"])
        assert closed.sum() == told["Total Closed Trades"]
        assert run.trades["pnl"][closed].mean() == pytest.approx(told["Expectancy"])
        assert run.trades["fees"].sum() == pytest.approx(told["Total Fees Paid"])
        assert run.equity["equity"][-1] == pytest.approx(told["End Value"], abs=1e-6)
        assert run.metrics["max_drawdown"] == pytest.approx(-told["Max Drawdown [%]"] / 100)  # type: ignore[index]


def relabelled(columns: pd.Index) -> list[Run]:
    grid = portfolio("grid")
    grid.wrapper.columns = columns
    grid.wrapper.get_columns = lambda: columns
    return vectorbt.to_runs(grid)


def test_a_symbol_level_is_the_symbol() -> None:
    labels = [(n, s) for n in (5, 10, 20) for s in ("AAA", "BBB")]
    runs = relabelled(pd.MultiIndex.from_tuples(labels, names=["window", "symbol"]))
    assert [run.columns["symbol"] for run in runs] == ["AAA", "BBB"] * 3
    assert runs[2].params == {"window": 10}
    assert set(runs[1].trades["symbol"]) == {"BBB"}


def test_nameless_levels_are_symbols_if_text_and_told_apart_if_not() -> None:
    by_name = relabelled(pd.Index(list("ABCDEF")))
    assert [run.columns["symbol"] for run in by_name] == list("ABCDEF")
    assert by_name[0].params is None
    assert [run.params for run in relabelled(pd.RangeIndex(6))][:2] == [
        {"column": 0},
        {"column": 1},
    ]


def test_shared_cash_makes_a_run_of_a_group() -> None:
    labels = [(n, s) for n in (5, 10, 20) for s in ("AAA", "BBB")]
    grid = portfolio("grid")
    grid.wrapper.columns = pd.MultiIndex.from_tuples(labels, names=["window", "symbol"])
    value = pd.DataFrame(np.ones((780, 3)), index=grid.wrapper.index)
    runs = vectorbt.to_runs(
        grid.group(pd.Index([5, 10, 20], name="window"), [0, 0, 1, 1, 2, 2], value)
    )
    assert [run.params for run in runs] == [{"window": 5}, {"window": 10}, {"window": 20}]
    assert [run.columns["symbol"] for run in runs] == [None] * 3
    assert [len(run.trades["pnl"]) for run in runs] == [62, 35, 22]
    assert set(runs[0].trades["symbol"]) == {"AAA", "BBB"}
    assert runs[0].metrics is None


def test_positions_instead_of_dates_are_refused() -> None:
    single = portfolio("single")
    single.wrapper.index = pd.RangeIndex(780)
    with pytest.raises(BadInput, match="DatetimeIndex"):
        vectorbt.to_runs(single)


AGREEING = ("total_return", "max_drawdown", "total_trades", "win_rate", "profit_factor")


@pytest.mark.parametrize("name", ["single", "grid", "ruin_open", "zero"])
def test_what_is_computed_agrees_where_the_definitions_do(name: str) -> None:
    for row in rows_of(vectorbt, portfolio(name)):
        told = reported(row)
        for metric in {*AGREEING, "final_equity", "expectancy"} & told.keys():
            assert row[metric] == pytest.approx(told[metric], rel=1e-6)  # 6 digits in the file
        for metric in {"sharpe_ratio", "sortino_ratio"} & told.keys():  # its year has 365 days
            assert row[metric] * np.sqrt(365 / 252) == pytest.approx(told[metric], rel=1e-6)
