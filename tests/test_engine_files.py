"""Every file that an engine wrote, by name: what reads it; and the figures that must come out.

The figures are the engines' own, checked by hand against their curves and trades when the files
were made; here they come out of `lake.run` after `lake.save` or `lake.ingest`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import test_engine_backtesting as backtesting
import test_engine_backtrader as backtrader
import test_engine_bt as bt
import test_engine_nautilus as nautilus
import test_engine_pybroker as pybroker
import test_engine_vectorbt as vectorbt
import test_engine_zipline as zipline

from bt_lake.ingest.formats import freqtrade, lean, recognise
from bt_lake.lake import Lake

DATA = Path(__file__).parent / "data" / "engines"

# Files that `ingest` reads, and how many runs are in each.
RUNS = {
    "freqtrade/backtest-result-*.zip": 1,
    "freqtrade/hyperopt/*.fthypt": 6,
    "lean/1234567890.json": 1,
    "lean/legacy_pascalcase.json": 1,
}
# Files beside them, known and without runs of their own.
BESIDE = {
    "freqtrade/.last_result.json",
    "freqtrade/backtest-result-*.meta.json",
    "freqtrade/hyperopt/.last_result.json",
    "freqtrade/sma_cross.json",
    "lean/1234567890-summary.json",
}
# What an engine returns has no file format: the adapters' tests build its objects from these.
ADAPTED = {
    "backtesting/*_equity.parquet",
    "backtesting/*_stats.json",
    "backtesting/*_trades.parquet",
    "backtesting/heatmap.csv",
    "backtrader/[dorz]*[yton].json",
    "backtrader/*_pf_transactions.csv",
    "bt/*_stats.csv",
    "bt/*_transactions.csv",
    "bt/*_values.parquet",
    "freqtrade/*.py",
    "nautilus/*_account.csv",
    "nautilus/*_fills.*",
    "nautilus/*_orders.*",
    "nautilus/*_positions.*",
    "nautilus/*_result.json",
    "nautilus/*_strategy_config.json",
    "nautilus/node_results.json",
    "pybroker/*_orders.parquet",
    "pybroker/*_portfolio.parquet",
    "pybroker/*_to_json.json",
    "pybroker/*_trades.parquet",
    "vectorbt/*_stats.*",
    "vectorbt/*_trades.csv",
    "vectorbt/*_value.parquet",
    "zipline/perf_*_scalar.parquet",
    "zipline/perf_*_transactions.csv",
    "zipline/perf_daily_head60_to_csv.csv",
    "zipline/perf_daily_orders.csv",
}
# The same once more, in a form nothing is read from: the adapters' tests compare with it.
COMPARED = {
    "backtrader/*_pf_positions.csv",
    "backtrader/*_pf_returns.csv",
    "backtrader/opt_grid.csv",
    "backtrader/writer_out.csv",
    "bt/*_prices.parquet",
    "bt/grid_res_to_csv.csv",
    "nautilus/*_returns.csv",
    "pybroker/*_metrics.csv",
    "pybroker/*_trades.csv",
    "quantstats/*_metrics.csv",
    "zipline/perf_*_positions_tail.csv",
}


def parts_of_nautilus(name: str) -> tuple[Any, ...]:
    return tuple(nautilus.reports(name).values())


def named(patterns: Any) -> Counter[str]:
    return Counter(
        path.relative_to(DATA).as_posix() for pattern in patterns for path in DATA.glob(pattern)
    )


def test_every_file_is_accounted_for_once() -> None:
    known = named([*RUNS, *BESIDE, *ADAPTED, *COMPARED])
    files = {path.relative_to(DATA).as_posix() for path in DATA.rglob("*") if path.is_file()}
    assert set(known) == files
    assert {name for name, times in known.items() if times > 1} == set()
    assert all(list(DATA.glob(p)) for p in [*RUNS, *BESIDE, *ADAPTED, *COMPARED])


def test_a_walk_over_all_of_them_takes_in_the_runs_and_leaves_the_rest(lake: Lake) -> None:
    report = lake.ingest(DATA, set_columns={"strategy": "s"})
    expected = sum(runs * len(list(DATA.glob(pattern))) for pattern, runs in RUNS.items())
    assert (len(report.added), report.failed, report.skipped) == (expected, [], [])
    ignored = {Path(path).relative_to(DATA).as_posix() for path in report.ignored}
    assert ignored == set(named([*ADAPTED, *COMPARED]))
    for pattern in BESIDE:
        for path in DATA.glob(pattern):
            assert recognise(path) in (freqtrade, lean)


# What ran: total return, deepest drawdown, closed trades, and the Sharpe ratio that was reported.
# None is a number that must be absent.
FIGURES: dict[str, tuple[Any, float | None, float | None, int | None, float | None]] = {
    "backtesting daily": (backtesting.stats("daily"), 0.068494329, -0.281539324, 24, 0.113745348),
    "backtesting params": (
        backtesting.stats("daily_params"), -0.038353715, -0.300801501, 40, -0.064859040,
    ),
    "backtesting ruin": (backtesting.stats("ruin"), -1, -1, 1, 0),
    "backtesting zero": (backtesting.stats("zero"), 0, 0, 0, None),
    "backtrader daily": ([backtrader.SmaCross("daily")], 0.08084935, -0.102857678, 24, 0.435810481),
    "backtrader ruin": ([backtrader.SmaCross("ruin")], -0.986976903, -0.988365087, 0, -12.7434261),
    "backtrader zero": ([backtrader.SmaCross("zero")], 0, 0, 0, None),
    "bt ruin": (bt.Result("ruin"), -0.999934179, -0.999941336, 0, -26.3051736),
    "bt zero": (bt.Result("zero"), 0, 0, 0, None),
    "vectorbt single": (vectorbt.portfolio("single"), -0.134767964, -0.301133139, 12, -0.400008422),
    "vectorbt ruin": (vectorbt.portfolio("ruin_open"), -0.999964912, -0.999964912, 0, -35.0354643),
    "vectorbt zero": (vectorbt.portfolio("zero"), 0, 0, 0, None),
    # Its Sharpe ratio, -3.46, is of positions; a balance is no profit while one is open.
    "nautilus daily": (parts_of_nautilus("daily_btc"), -0.001914878, None, 13, None),
    "nautilus ruin": (parts_of_nautilus("ruin"), None, None, 0, None),
    "nautilus zero": (parts_of_nautilus("zero"), 0, None, 0, None),
    # What it calls total return, -14.88 % and 0 %, is realised and gross of fees.
    "pybroker daily": (pybroker.TestResult("daily"), -0.1299429, -0.283070546, 12, -0.365935834),
    "pybroker ruin": (pybroker.TestResult("ruin_open"), -1.0003079, -1.000273694, 0, -1.769648421),
    "pybroker zero": (pybroker.TestResult("zero"), 0, 0, 0, None),
    "zipline daily": (zipline.perf("daily"), -0.059084222, -0.237817714, None, -0.070316674),
    "zipline zero": (zipline.perf("zero"), 0, 0, 0, None),
}  # fmt: skip


@pytest.mark.parametrize("case", FIGURES.values(), ids=FIGURES)
def test_the_figures_of_the_engines(lake: Lake, case: Any) -> None:
    result, *expected = case
    saved = lake.save(result, strategy="s")
    run = lake.run(saved[0] if isinstance(saved, list) else saved).row
    sharpe = (run["reported"] or {}).get("sharpe_ratio")
    found = [run["total_return"], run["max_drawdown"], run["total_trades"], sharpe]
    if expected[2] is None:  # round trips are ours to match: zipline counts none
        found[2] = None
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == (None if theirs is None else pytest.approx(theirs, rel=1e-6)), found


def test_two_engines_agree_on_the_same_grid(lake: Lake) -> None:
    """vectorbt and bt ran the same averages on the same prices."""
    of_bt = {
        run.row["strategy"]: run.row
        for run in map(lake.run, lake.save(bt.Result("grid")))
    }  # fmt: skip
    of_vectorbt = {
        "sma_{fast_window}_{slow_window}".format(**run.params): run.row
        for run in map(lake.run, lake.save(vectorbt.portfolio("grid"), strategy="s"))
    }
    assert of_bt.keys() <= of_vectorbt.keys()
    for name, row in of_bt.items():
        for metric in ("total_return", "max_drawdown", "total_trades", "profit_factor"):
            assert of_vectorbt[name][metric] == pytest.approx(row[metric], rel=1e-6)


def test_the_figures_of_the_files(lake: Lake) -> None:
    """freqtrade's drawdown of 10.7 % is of closed trades; LEAN's figures have four digits."""
    lake.ingest(DATA, set_columns={"symbol": "X"}, on_error="skip")
    names = "total_return, max_drawdown, total_trades, reported['max_drawdown'] from runs"
    (smas,) = lake.sql(f"select {names} where total_return > 0.35 and sweep is null").rows()
    assert smas == pytest.approx((0.356650353, -0.1466, 23, -0.1074), abs=5e-5)
    (imitation,) = lake.sql(f"select {names} where engine = 'lean'").rows()
    assert imitation == pytest.approx((-0.24875, -0.41779, 19, -0.418), abs=5e-5)
