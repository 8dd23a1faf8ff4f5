"""best: the leaderboard, of all runs and of each group."""

from __future__ import annotations

import pytest
from plainly import ids, number, ranked, value_of

from bt_lake.queries.filters import Filters
from bt_lake.queries.ranking import best
from bt_lake.warehouse.errors import BadInput, UnknownName

pytest_plugins = ["golden_fixtures"]

METRICS = {
    "sharpe_ratio": False,
    "max_drawdown": False,
    "volatility": True,  # less is better
    "total_trades": False,
    "my_score": False,
    "param.fast": False,
    "param.stop.atr": False,
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n", [1, 7, 1000])
def test_best_is_what_sorting_gives(golden, metric, n):
    want = ranked(
        golden.rows, lambda row: number(value_of(row, metric)), ascending=METRICS[metric]
    )[:n]
    found = golden.lake.best(metric, n)
    assert found["run_id"].to_list() == ids(want)
    assert found["rank"].to_list() == list(range(1, len(want) + 1))
    shown = found[metric].to_list()
    assert [number(v) for v in shown] == [number(value_of(row, metric)) for row in want]


@pytest.mark.parametrize("ascending", [True, False])
def test_the_order_can_be_turned(golden, ascending):
    want = ranked(golden.rows, lambda row: row["sharpe_ratio"], ascending=ascending)[:10]
    found = golden.lake.best("sharpe_ratio", ascending=ascending)
    assert found["run_id"].to_list() == ids(want)


def test_min_trades_and_filters_narrow_the_choice(golden):
    chosen = [
        row
        for row in golden.rows
        if (row["total_trades"] or 0) >= 30
        and row["strategy"] == "momentum"
        and row["params"]
        and row["params"].get("fast") == 15
    ]
    want = ranked(chosen, lambda row: row["cagr"])[:5]
    found = golden.lake.best("cagr", 5, min_trades=30, strategy="momentum", params={"fast": 15})
    assert found["run_id"].to_list() == ids(want)
    assert want


@pytest.mark.parametrize("metric", ["sharpe_ratio", "my_score"])
@pytest.mark.parametrize("per", [["symbol"], ["symbol", "param.fast"], ["month"]])
@pytest.mark.parametrize("n", [None, 3])
def test_best_of_each_group(golden, metric, per, n):
    def group(row):
        month = row["created_at"].date().replace(day=1)
        return tuple(month if name == "month" else value_of(row, name) for name in per)

    want = {}
    for row in ranked(golden.rows, lambda row: number(value_of(row, metric))):
        want.setdefault(group(row), []).append(row["run_id"])
    found = {}
    for row in golden.lake.best(metric, n, per=per).to_dicts():
        members = found.setdefault(tuple(row[name] for name in per), [])
        members.append(row["run_id"])
        assert row["rank"] == len(members)
    assert found == {key: members[: n or 1] for key, members in want.items()}


def test_columns_can_be_chosen(golden):
    names = ["run_id", "param.fast", "my_score", "created_at"]
    found = golden.lake.best("sharpe_ratio", columns=names)
    assert found.columns == ["rank", *names]


def test_rows_need_no_frame_and_times_have_no_zone(golden):
    answer = best(golden.lake.reader, "sharpe_ratio", columns=["run_id", "created_at"])
    frame = answer.frame()
    assert answer.columns == frame.columns == ["rank", "run_id", "created_at"]
    assert [row[2] for row in answer.rows()] == [
        time.replace(tzinfo=None) for time in frame["created_at"]
    ]
    assert [row for chunk in answer.chunks(3) for row in chunk] == answer.rows()
    assert sum(batch.num_rows for batch in answer.batches()) == 10


def test_total_counts_every_trial_of_the_filters(golden):
    answer = best(golden.lake.reader, "sharpe_ratio", filters=Filters(strategy="momentum"))
    assert answer.total() == sum(row["strategy"] == "momentum" for row in golden.trials)


def test_a_filter_that_fits_nothing_is_hinted_at(golden):
    answer = best(golden.lake.reader, "sharpe_ratio", filters=Filters(strategy="sma_cros"))
    assert answer.rows() == []
    assert answer.note() == "no run has strategy 'sma_cros'. Did you mean sma_cross?"


@pytest.mark.parametrize(
    ("metric", "error", "words"),
    [
        ("sharp", UnknownName, "Did you mean sharpe_ratio, sharpe_period?"),
        ("my_scor", UnknownName, "Did you mean my_score?"),
        ("param.fats", UnknownName, "no parameter 'fats'. Did you mean fast?"),
        ("strategy", BadInput, "'strategy' is not a number"),
        ("x] or 1=1 --", UnknownName, "no metric"),
    ],
)
@pytest.mark.parametrize("per", [(), ("symbol",)])
def test_a_metric_that_does_not_exist_is_refused(golden, metric, error, words, per):
    with pytest.raises(error, match=words.replace("?", r"\?")):
        golden.lake.best(metric, per=per)
    with pytest.raises(error):
        list(best(golden.lake.reader, metric).chunks())


def test_an_own_metric_that_the_chosen_runs_lack_gives_no_rows(golden):
    assert golden.lake.best("my_score", status="failed").is_empty()


@pytest.mark.parametrize("n", [0, -1])
def test_n_must_be_positive(golden, n):
    with pytest.raises(BadInput, match="at least 1"):
        golden.lake.best("sharpe_ratio", n)
