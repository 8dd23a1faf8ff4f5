"""backtrader 1.9.78: what strategies and their analyzers told, rebuilt from files, become runs."""

from __future__ import annotations

import io
import json
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from adapted import reported, rows_of

from bt_lake.ingest.engines import backtrader
from bt_lake.ingest.engines.backtrader.trades import times
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput

DATA = Path(__file__).parent / "data" / "engines" / "backtrader"
DAYS, YEARS = 5, 8
ANALYZERS = {
    "sharpe": ("SharpeRatio", {"timeframe": DAYS, "annualize": True}),
    "sharpe_default": ("SharpeRatio", {"timeframe": YEARS, "annualize": False}),
    "dd": ("DrawDown", {}),
    "tdd": ("TimeDrawDown", {}),
    "ta": ("TradeAnalyzer", {}),
    "tr": ("TimeReturn", {"data": None}),
    "ret": ("Returns", {}),
    "sqn": ("SQN", {}),
    "vwr": ("VWR", {}),
}


def told(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text())
    return content


def analyzer(kind: str, analysis: Any, params: dict[str, Any]) -> Any:
    made = type(kind, (), {"__module__": f"backtrader.analyzers.{kind.lower()}"})()
    made.p = SimpleNamespace(**params)
    if kind == "TimeReturn":
        analysis = {datetime.fromisoformat(at): value for at, value in analysis.items()}
    made.get_analysis = lambda: analysis
    return made


def analyzers(analyses: dict[str, Any]) -> list[Any]:
    return [
        analyzer(kind, analyses[name], params)
        for name, (kind, params) in ANALYZERS.items()
        if name in analyses
    ]


class Data:
    def __init__(self, name: str) -> None:
        self._name = name


class Strategy:
    __module__ = "backtrader.strategy"


class SmaCross(Strategy):
    def __init__(self, name: str) -> None:
        analyses = told(name)
        self.analyzers = analyzers(analyses)
        self.p = SimpleNamespace(_getkwargs=lambda: analyses["params"])
        self.datas = [Data(data) for data in analyses["datas"]]
        self.broker = SimpleNamespace(startingcash=analyses["startingcash"])
        self._orders = orders(name, self.datas[0])
        closed = [trade(row, self.datas[0]) for row in analyses["tradelog"] or []]
        self._trades = {self.datas[0]: {0: closed + open_trades(name, self.datas[0])}}


def day(text: str) -> float:
    return float(datetime.fromisoformat(text).toordinal())


def trade(row: dict[str, Any], data: Any) -> Any:
    return SimpleNamespace(
        ref=row["ref"],
        data=data,
        dtopen=day(row["opened"]),
        dtclose=day(row["closed"]),
        price=row["price"],
        pnlcomm=row["pnlcomm"],
        commission=row["commission"],
        long=row["long"],
        isopen=False,
        isclosed=True,
    )


def open_trades(name: str, data: Any) -> list[Any]:
    """The trade that was open at the end, which the log of closed trades does not have."""
    if told(name)["ta"]["total"].get("open") != 1:
        return []
    last = pd.read_csv(DATA / f"{name}_pf_transactions.csv").iloc[-1]
    row = {"ref": 99, "opened": last["date"][:10], "closed": "0001-01-01", "price": last["price"]}
    row |= {"pnlcomm": -4.0, "commission": 4.0, "long": last["amount"] > 0}
    return [SimpleNamespace(**vars(trade(row, data)) | {"isopen": True, "isclosed": False})]


def orders(name: str, data: Any) -> list[Any]:
    """One order of one execution for each transaction; a reversal closes and opens in one."""
    found, position = [], 0.0
    transactions = pd.read_csv(DATA / f"{name}_pf_transactions.csv")
    for ref, row in enumerate(transactions.itertuples()):
        closed = row.amount if position and abs(row.amount) <= abs(position) else -position
        closed = closed if position * row.amount < 0 else 0.0
        bit = SimpleNamespace(
            dt=day(row.date[:10]), price=row.price, closed=closed, opened=row.amount - closed
        )
        position += row.amount
        executed = SimpleNamespace(exbits=[bit])
        found.append(SimpleNamespace(ref=ref, data=data, tradeid=0, executed=executed))
    return found


def only(name: str) -> Run:
    assert backtrader.matches([SmaCross(name)])
    (run,) = backtrader.to_runs([SmaCross(name)])
    return run


def test_labels_and_capital() -> None:
    run = only("daily")
    assert (run.strategy, run.params) == ("SmaCross", {"fast": 10, "slow": 30, "stake": 50})
    assert run.columns["symbol"] == "SYN"
    assert run.columns["timeframe"] == "1d"
    assert run.columns["initial_capital"] == 10_000


def test_curve_compounds_to_the_final_value() -> None:
    for name in ("daily", "zero", "ruin"):
        run = only(name)
        assert run.equity["equity"][-1] == pytest.approx(told(name)["final_value"])
        positions = pd.read_csv(DATA / f"{name}_pf_positions.csv", index_col=0)
        assert run.equity["equity"] == pytest.approx(positions.sum(axis=1).to_numpy())


def test_curve_is_the_value_that_the_writer_saw() -> None:
    lines = (DATA / "writer_out.csv").read_text().splitlines()[1:]
    table = pd.read_csv(
        io.StringIO("\n".join(line for line in lines if line[:1].isdigit())), header=None
    )
    header = lines[0].split(",")
    seen = table[len(header) - 1].astype(float)
    assert header[-1] == "value"
    assert only("daily").equity["equity"][: len(seen)] == pytest.approx(seen.to_numpy())


def test_log_returns_and_positive_percent_are_converted() -> None:
    metrics = only("daily").metrics
    assert metrics is not None
    assert metrics["total_return"] == pytest.approx(0.08084935)
    assert metrics["max_drawdown"] == pytest.approx(-0.1028576775293264)
    assert metrics["sharpe_ratio"] == pytest.approx(0.4358104807318895)  # the daily one, not years
    assert metrics["sqn"] == pytest.approx(0.48527336196221144)
    assert (metrics["total_trades"], metrics["win_rate"]) == (24, 0.25)
    assert metrics["profit_factor"] == pytest.approx(2375.489 / 1681.154)
    assert metrics["max_consecutive_losses"] == 7


def test_trades_have_size_and_exit_from_the_orders() -> None:
    run = only("daily")
    trades, log = run.trades, told("daily")["tradelog"]
    closed = ~np.isnat(trades["exit_at"])
    assert (len(closed), closed.sum()) == (25, 24)
    assert trades["side"][:2] == ["long", "short"]
    assert set(trades["quantity"]) == {50}
    assert trades["pnl"][:24] == pytest.approx([row["pnlcomm"] for row in log])
    assert trades["entry_price"][:24] == pytest.approx([row["price"] for row in log])
    sign = np.where(np.array(trades["side"]) == "long", 1, -1)
    gross = sign * trades["quantity"] * (trades["exit_price"] - trades["entry_price"])
    assert gross[:24] == pytest.approx([row["pnl"] for row in log])
    assert trades["return"][0] == pytest.approx(73.8585 / (50 * 85.59))
    assert np.isnan(trades["pnl"][24])
    assert trades["pnl"][:24].sum() == pytest.approx(694.3349999999973)


def test_size_and_exit_stay_unknown_where_orders_are_missing() -> None:
    strategy = SmaCross("daily")
    strategy._orders = []
    (run,) = backtrader.to_runs(strategy)
    assert np.isnan(run.trades["quantity"]).all()
    assert run.trades["pnl"][0] == pytest.approx(73.8585)
    assert np.isnan(run.trades["return"]).all()


def test_zero_trades() -> None:
    run = only("zero")
    assert run.metrics is not None
    assert (run.metrics["total_trades"], run.metrics["max_drawdown"]) == (0, 0)
    assert {"sharpe_ratio", "sqn", "win_rate", "profit_factor"}.isdisjoint(run.metrics)
    assert len(run.trades["pnl"]) == 0


def test_total_loss_and_below() -> None:
    assert only("ruin").metrics["total_return"] == pytest.approx(-0.986976903)  # type: ignore[index]
    gone = analyzer("Returns", {"rtot": float("-inf"), "rnorm": float("nan")}, {})
    strategy = SmaCross("ruin")
    strategy.analyzers = [gone]
    assert backtrader.to_runs(strategy)[0].metrics == {}


class OptReturn:
    __module__ = "backtrader.cerebro"

    def __init__(self, analyses: dict[str, Any]) -> None:
        self.p = self.params = SimpleNamespace(_getkwargs=lambda: analyses["params"])
        self.strategycls = SmaCross
        self.analyzers = analyzers(analyses)


def optimized() -> list[list[OptReturn]]:
    rows: Any = told("opt")
    return [[OptReturn(analyses) for analyses in row] for row in rows]


def test_optstrategy_is_one_run_per_combination() -> None:
    assert backtrader.matches(optimized())
    runs = backtrader.to_runs(optimized())
    grid = pd.read_csv(DATA / "opt_grid.csv")
    assert len(runs) == len(grid) == 6
    for run, row in zip(runs, grid.itertuples(), strict=True):
        assert run.strategy == "SmaCross"
        assert run.params == {"fast": row.fast, "slow": row.slow, "stake": row.stake}
        assert run.metrics is not None
        assert run.metrics["sharpe_ratio"] == pytest.approx(row.sharpe)
        assert run.metrics["max_drawdown"] == pytest.approx(-row.maxdd / 100)
        assert run.metrics["total_return"] == pytest.approx(np.expm1(row.rtot))
        assert run.metrics["total_trades"] == row.closed
        assert (run.equity, run.trades, run.columns["initial_capital"]) == (None, None, None)


def test_optreturn_with_returns_has_a_curve_of_the_given_capital() -> None:
    cell = optimized()[0][0]
    cell.analyzers += analyzers({"tr": told("daily")["tr"]})
    (run,) = backtrader.to_runs(cell)
    assert run.equity["equity"][-1] == pytest.approx(1.08084935)
    (run,) = backtrader.to_runs(cell, initial_capital=10_000)
    assert run.equity["equity"][-1] == pytest.approx(10808.4935)


def test_returns_of_a_data_are_not_the_account() -> None:
    strategy = SmaCross("daily")
    strategy.analyzers = [analyzer("TimeReturn", told("daily")["tr"], {"data": "SYN"})]
    assert backtrader.to_runs(strategy)[0].equity is None


def test_float_days_are_exact_to_the_millisecond() -> None:
    midday = datetime(2022, 1, 3).toordinal() + (9 * 60 + 59) / 1440
    assert times([midday]).tolist() == [datetime(2022, 1, 3, 9, 59)]


def test_other_lists_are_left_alone() -> None:
    assert not backtrader.matches([])
    assert not backtrader.matches([{"strategy": "x"}])
    with pytest.raises(BadInput, match="backtrader"):
        backtrader.to_runs([1])


AGREEING = ("total_return", "max_drawdown", "total_trades", "win_rate", "profit_factor")
MONEY = ("expectancy", "avg_win", "avg_loss", "best_trade", "worst_trade")


@pytest.mark.parametrize("name", ["daily", "ruin", "zero"])
def test_what_is_computed_agrees_where_the_definitions_do(name: str) -> None:
    (row,) = rows_of(backtrader, [SmaCross(name)])
    told_ = reported(row)
    for metric in {*AGREEING, *MONEY, "max_consecutive_losses"} & told_.keys():
        assert row[metric] == pytest.approx(told_[metric])
    assert row["initial_capital"] == 10_000
    if name == "daily":  # it divides by n, not by n - 1
        assert row["sqn"] * np.sqrt(24 / 23) == pytest.approx(told_["sqn"])
        ours, risk_free = row["sharpe_ratio"] * np.sqrt(780 / 779), 0.0
        assert ours == pytest.approx(told_["sharpe_ratio"] + risk_free, rel=1e-3)


def test_cells_of_optstrategy_are_told_apart_by_their_params() -> None:
    rows = rows_of(backtrader, optimized())
    assert {row["metrics_from"] for row in rows} == {"reported"}
    assert len({row["params_hash"] for row in rows}) == 6
