"""A column holds numbers of one definition; what is known to differ stays in `reported`."""

from __future__ import annotations

import numpy as np
import pytest
from trials import document, noise_of, seeded

from bt_lake.warehouse.errors import UnknownName

DIFFERENT = [
    ("backtesting.py", "sharpe_ratio"),
    ("vectorbt", "sortino_ratio"),
    ("freqtrade", "calmar_ratio"),
    ("metatrader5", "sharpe_ratio"),
]


@pytest.mark.parametrize(("engine", "metric"), DIFFERENT)
def test_what_is_known_to_differ_stays_reported(lake, engine, metric):
    lake.save(strategy="s", engine=engine, metrics={metric: 1.87, "max_drawdown": -0.1})
    lake.save(strategy="s", engine="my own", metrics={metric: 2.0})
    theirs, own = lake.runs(ascending=True).to_dicts()
    assert (theirs[metric], own[metric]) == (None, 2.0)
    assert dict(theirs["reported"]) == {metric: 1.87, "max_drawdown": -0.1}
    assert theirs["max_drawdown"] == -0.1
    assert lake.best(metric)["run_id"].to_list() == [own["run_id"]]


def cells(lake):
    """An optimisation: its winner in full, the other cells as backtesting.py scored them."""
    returns = noise_of(seeded(), trials=1)[:, 0] + 0.002
    common = {"strategy": "sma", "engine": "backtesting.py"}
    winner = document(returns, params={"fast": 1, "slow": 9}, metrics={"sharpe_ratio": 1.9})
    lake.save({**winner, **common})
    for fast in (2, 3):
        params = {"fast": fast, "slow": 9}
        lake.save(params=params, metrics={"sharpe_ratio": 2.0 - fast / 10}, **common)


def test_what_sources_report_is_ranked_swept_and_grouped(lake):
    cells(lake)
    found = lake.best("reported.sharpe_ratio", columns=["reported.sharpe_ratio", "param.fast"])
    assert found["reported.sharpe_ratio"].to_list() == [1.9, 1.8, 1.7]
    assert lake.best("sharpe_ratio").height == 1
    grid = lake.sweep("sma", x="fast", metric="reported.sharpe_ratio")
    assert grid.columns == ["param.fast", "reported.sharpe_ratio", "runs"]
    assert [row[1] for row in grid.rows] == [1.9, 1.8, 1.7]
    assert lake.aggregate("strategy", "reported.sharpe_ratio")["max"].item() == 1.9
    in_sql = lake.sql("from best('reported.sharpe_ratio')")
    assert in_sql["value"].to_list() == [1.9, 1.8, 1.7]
    with pytest.raises(UnknownName, match=r"Did you mean reported\.sharpe_ratio"):
        lake.best("reported.sharp_ratio")


def test_an_empty_ranking_names_what_sources_report(lake):
    lake.save(strategy="s", engine="vectorbt", params={"fast": 1}, metrics={"sharpe_ratio": 2.0})
    from bt_lake.queries.ranking import best

    answer = best(lake.reader, "sharpe_ratio")
    assert answer.rows() == []
    assert answer.note() == (
        "no run has a sharpe_ratio by the lake's definition; 1 run reports one by that of their "
        "engine: reported.sharpe_ratio"
    )
    assert "reported.sharpe_ratio" in lake.sweep("s", x="fast").note


def test_answers_that_mix_say_so(lake):
    from bt_lake.queries.grouping import aggregate
    from bt_lake.queries.ranking import best

    returns = noise_of(seeded(), trials=2)
    for place in range(2):
        lake.save(document(returns[:, place], params={"fast": place}))
    lake.save(strategy="s", params={"fast": 9}, metrics={"sharpe_ratio": 1.0})
    told = "2 computed from curves, 1 as their sources report"
    for answer in (best(lake.reader, "sharpe_ratio"), aggregate(lake.reader, by="strategy")):
        answer.rows()
        assert answer.note() == told
    assert lake.sweep("s", x="fast").note == told
    assert f"sharpe ratios: {told}" in lake.overfit(splits=2, bootstraps=1).notes
    listed = lake.ask.runs(sort="sharpe_ratio")
    assert listed.rows() and listed.note() == told
    for one in (best(lake.reader, "total_return"), lake.ask.runs()):
        one.rows()
        assert one.note() == ""
    compared = lake.compare(lake.runs(n=2)["run_id"].to_list())
    [line] = [line for line in compared.differences if line.name == "metrics_from"]
    assert set(line.values) == {"curve", "reported"}


def test_a_heatmap_and_its_winner_are_as_many_trials_as_cells(lake):
    """However often they are saved."""
    cells(lake)
    before = lake.overfit(splits=2, bootstraps=1)
    cells_again = lake.runs(where="n_returns is null").to_dicts()
    for row in cells_again:
        lake.save(
            strategy="sma",
            engine="backtesting.py",
            params={"fast": 2 + cells_again.index(row), "slow": 9},
            metrics={"sharpe_ratio": 2.0},
        )
    after = lake.overfit(splits=2, bootstraps=1)
    assert before.counts.trials == after.counts.trials == 3
    assert after.gathered.repeats == 2
    assert np.isfinite(after.best.sharpe)
