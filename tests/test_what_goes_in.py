"""What is refused at the door, because it would be a wrong number later."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from trials import noise_of, seeded

from bt_lake.ingest.engines.vectorbt import _labels
from bt_lake.ingest.run import Run, adapt
from bt_lake.warehouse.errors import BadInput

TWICE = [["2024-01-01", 100.0], ["2024-01-02", 160.0], ["2024-01-02", 84.0], ["2024-01-03", 90.0]]


def test_two_values_at_one_time_are_refused(lake):
    message = (
        r"equity\[2\]\.ts: 2024-01-02T00:00:00 is there with 160 and with 84; give each time once, "
        "or duplicates='last'"
    )
    with pytest.raises(BadInput, match=message):
        lake.save(strategy="s", equity=TWICE)
    with pytest.raises(BadInput, match=message):
        lake.save({"strategy": "s", "equity": TWICE[::-1][1:] + TWICE[3:]} | {"equity": TWICE})
    assert not lake.path.exists() or lake.runs().height == 0


@pytest.mark.parametrize(
    ("at", "said"),
    [(None, "ts: the time is missing"), ("9999-01-01", "year 9999 is outside 1700 to 2299")],
    ids=["missing", "far away"],
)
def test_one_bad_time_given_twice_is_that_fault(lake, tmp_path, at, said):
    file = tmp_path / "runs.ndjson"
    equity = [["2024-01-01", 100.0], [at, 1.0], [at, 2.0]]
    file.write_text(json.dumps({"strategy": "s", "equity": equity}) + "\n")
    (failed,) = lake.ingest(file, on_error="skip").failed
    assert said in failed.reason


def test_the_last_is_kept_where_that_is_said(lake):
    run = lake.save(strategy="s", equity=TWICE, duplicates="last")
    assert lake.equity(run)["equity"].to_list() == [100.0, 84.0, 90.0]
    with pytest.raises(BadInput, match="duplicates: 'first' is not 'last'"):
        lake.save(strategy="s", equity=TWICE, duplicates="first")


def test_equal_values_at_one_time_are_one_point(lake):
    run = lake.save(strategy="s", equity=[*TWICE[:2], TWICE[1], TWICE[3]])
    assert lake.equity(run)["equity"].to_list() == [100.0, 160.0, 90.0]


def test_engines_may_tell_an_account_twice_a_moment(lake):
    run = lake.save(strategy="s", equity=TWICE, engine="nautilus_trader")
    assert lake.equity(run)["equity"].to_list() == [100.0, 84.0, 90.0]


def test_nothing_is_not_saved(lake):
    for nothing in (None, {}):
        with pytest.raises(BadInput, match="nothing to save: did the function forget to return"):
            lake.save(nothing, strategy="s")
        with pytest.raises(BadInput, match="nothing to save"), lake.batch() as batch:
            batch.save(nothing, strategy="s", params={"fast": 1})
    assert lake.save(None, strategy="s", metrics={"sharpe_ratio": 1.0})
    assert lake.save(strategy="only labels")


def test_metrics_by_the_names_of_engines_get_the_lakes(lake):
    with pytest.raises(
        BadInput, match=r"'Return \[%\]'\] is an engine's name; the lake's is total_return: 0.3"
    ):
        lake.save(strategy="s", metrics={"Return [%]": 30.0})
    with pytest.raises(BadInput, match="the lake's is sharpe_ratio: 1.5"):
        lake.save(strategy="s", metrics={"Sharpe Ratio": 1.5})
    assert lake.save(strategy="s", metrics={"My Score": 1.5})


def test_symbols_of_a_grid_are_not_overwritten():
    runs = [Run(symbol=name, metrics={"sharpe_ratio": 1.0}) for name in ("AAA", "BBB")]
    engine = SimpleNamespace(to_runs=lambda obj: runs)
    with pytest.raises(
        BadInput, match=r"symbol 'X' would take the place of 2 symbols .* \(AAA, BBB\)"
    ):
        adapt(engine, None, {"symbol": "X"})
    one = SimpleNamespace(to_runs=lambda obj: runs[:1])
    assert adapt(one, None, {"symbol": "X"})[0].columns["symbol"] == "X"


def test_a_column_taken_out_of_a_grid_keeps_its_symbol():
    columns = pd.MultiIndex.from_tuples([(5, 10, "AAA")], names=["fast", "slow", None])
    assert _labels(columns) == [({"fast": 5, "slow": 10}, "AAA")]


def test_returns_by_name(lake):
    days = pd.bdate_range("2024-01-01", periods=60)
    returns = pd.Series(noise_of(seeded(), rows=60, trials=1)[:, 0], days)
    lake.save(returns=returns, strategy="s", initial_capital=1000.0)
    row = lake.runs().row(0, named=True)
    assert row["total_return"] == pytest.approx(np.prod(1 + returns) - 1)
    assert row["final_equity"] == pytest.approx(1000 * np.prod(1 + returns))
    frame = pl.from_pandas(returns.rename("r").rename_axis("ts").reset_index())
    for unsaid in (returns, frame, frame.to_arrow(), returns.to_frame()):
        with pytest.raises(BadInput, match=r"may be an account .* equity=\.\.\. or returns=\.\.\."):
            lake.save(unsaid, strategy="s")


def test_returns_in_any_form_are_the_same_run(lake):
    """pandas, polars, Arrow, a dict of lists with texts, and numpy as `equity` takes a pair."""
    days = pd.bdate_range("2024-01-01", periods=60)
    values = noise_of(seeded(), rows=60, trials=1)[:, 0]
    frame = pl.DataFrame({"ts": days.to_numpy(), "r": values})
    forms = {
        "series": pd.Series(values, days),
        "one column": pd.DataFrame({"r": values}, index=days),
        "polars": frame,
        "lazy": frame.lazy(),
        "arrow": frame.to_arrow(),
        "lists": {"ts": [f"{day:%Y-%m-%d}" for day in days], "returns": values.tolist()},
        "numpy": (values, days.to_numpy()),
    }
    for name, form in forms.items():
        lake.save(returns=form, strategy=name)
    found = lake.runs()
    assert found["strategy"].n_unique() == len(forms)
    for column in ("total_return", "sharpe_ratio", "start_at", "end_at", "n_returns"):
        assert found[column].n_unique() == 1, column
    assert found["total_return"][0] == pytest.approx(np.prod(1 + values) - 1)


@pytest.mark.parametrize(
    ("returns", "message"),
    [
        ([0.1, 0.2], "not list"),
        ({"day": ["2024-01-01"], "r": [0.1]}, "not the columns day, r"),
        ({"ts": ["2024-01-01"], "r": ["a"]}, "returns are numbers"),
        ({"ts": ["2024-01-01"], "r": [0.1, 0.2]}, "not of one length"),
        ({"ts": ["2024-01-01"], "r": [-1.5]}, "below -1"),
    ],
)
def test_what_are_no_returns_is_refused(lake, returns, message):
    with pytest.raises(BadInput, match=message):
        lake.save(returns=returns, strategy="s")
