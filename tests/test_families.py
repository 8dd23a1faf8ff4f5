"""What a trial is, and that every place that judges counts the same ones."""

from __future__ import annotations

import math
import secrets

import numpy as np
import pytest
from trials import document, noise_of, seeded

from bt_lake import open as open_lake
from bt_lake.overfit.sharpe import expected_max
from bt_lake.warehouse.schema import IDENTITY

FAST = {"splits": 2, "bootstraps": 1}
CELLS = [{"fast": i % 3, "slow": i // 3} for i in range(6)]


def daily(returns, first=0, **columns):
    """A run whose curve begins so many days later."""
    made = document(returns, **columns)
    made["equity"]["ts"] = made["equity"]["ts"] + np.timedelta64(first, "D")
    return made


def counted(lake, **filters):
    return lake.overfit(**filters, **FAST).gathered


def test_an_optimisation_saved_twice_is_one(lake):
    returns = noise_of(seeded(), trials=6)
    with lake.batch() as batch:
        for _ in range(2):
            for place, cell in enumerate(CELLS):
                batch.save(document(returns[:, place], params=cell))
    report = lake.overfit(**FAST)
    assert (report.counts.trials, report.gathered.runs, report.gathered.repeats) == (6, 12, 6)
    found = lake.sql("select distinct trials from deflated()").item()
    assert found == 6


@pytest.mark.parametrize("column", IDENTITY)
def test_whatever_identifies_a_configuration_makes_another_trial(lake, column):
    """Also where the figures are the same: what the schema calls identity is a try of its own."""
    name = "params" if column == "params_hash" else column
    returns = noise_of(seeded(), trials=1)[:, 0]
    for value in ({"n": 1}, {"n": 2}) if name == "params" else ("1h", "4h"):
        lake.save(document(returns, **{"params": {"n": 0}, name: value}))
    assert lake.overfit(**FAST).counts.trials == 2


def test_another_result_of_the_same_configuration_is_another_try(lake):
    """Code, data or a seed must have changed; the best of them was chosen."""
    returns = noise_of(seeded(), trials=4)
    for place in range(4):
        lake.save(document(returns[:, place], params={"fast": 10}))
    assert lake.overfit(**FAST).counts.trials == 4


def test_what_says_less_of_a_configuration_repeats_it(lake):
    """A cell of a heatmap beside the run itself, and a failure that was run again."""
    returns = noise_of(seeded(), trials=2)
    lake.save(document(returns[:, 0], params={"fast": 1}))
    lake.save(strategy="s", params={"fast": 1}, metrics={"sharpe_ratio": 1.0})
    lake.save(strategy="s", params={"fast": 1}, error="ValueError: no data")
    lake.save(document(returns[:, 1], params={"fast": 2}, symbol="B"))
    report = lake.overfit(**FAST)
    assert (report.counts.trials, report.gathered.repeats) == (2, 2)


def test_a_repeat_does_not_hide_behind_a_deleted_run(lake):
    returns = noise_of(seeded(), trials=2) + 0.01
    first = lake.save(document(returns[:, 0], params={"fast": 1}))
    second = lake.save(document(returns[:, 0], params={"fast": 1}))
    lake.save(document(returns[:, 1] - 0.02, params={"fast": 2}))
    lake.delete(first)
    report = lake.overfit(**FAST)
    assert (report.counts.trials, report.best.run_id) == (2, second)


def test_runs_that_failed_alike_are_told_apart(lake):
    returns = noise_of(seeded(), trials=3)
    for place in range(3):
        lake.save(document(returns[:, place], params={"fast": place}))
    for place in range(9):
        error = f"Traceback (most recent call last):\n  x\nKeyError: 'AAA,BBB{place}'"
        lake.save(strategy="s", params={"fast": 100 + place}, error=error)
    lake.save(strategy="s", params={"fast": 200}, error="ZeroDivisionError: division by zero")
    report = lake.overfit(**FAST)
    assert (report.counts.trials, report.counts.failed) == (4, 1)
    assert report.gathered.failed_alike == 9


def walk(lake, returns, folds=4, **columns):
    """Every configuration in every fold, in sample and out, as `run_sweep` leaves them."""
    rows = len(returns) // (folds + 1)
    with lake.batch() as batch:
        for place in range(returns.shape[1]):
            cell = {"params": {"place": place}, **columns}
            for fold in range(folds):
                for sample, first in (("in", fold), ("out", fold + 1)):
                    part = returns[first * rows : (first + 1) * rows, place]
                    where = {"fold": str(fold + 1), "sample": sample}
                    batch.save(daily(part, first * rows, **cell, **where))


@pytest.mark.slow
def test_folds_are_stitched_and_judged_out_of_sample(lake, tmp_path):
    """As if each configuration had been run once over all that is out of sample."""
    returns = noise_of(seeded(), rows=250, trials=5)
    walk(lake, returns)
    whole = open_lake(tmp_path / "whole")
    for place in range(5):
        whole.save(daily(returns[50:, place], 50, params={"place": place}))
    one, other = lake.overfit(**FAST), whole.overfit(**FAST)
    assert (one.gathered.runs, one.gathered.folds, one.gathered.in_sample) == (40, 20, 20)
    assert one.counts.trials == other.counts.trials == 5
    for name in ("sharpe", "skew", "kurtosis", "n_returns"):
        assert getattr(one.best, name) == pytest.approx(getattr(other.best, name), rel=1e-9), name
    assert one.best.deflated.deviation == pytest.approx(other.best.deflated.deviation, rel=1e-9)
    assert one.best.years == pytest.approx(other.best.years)
    assert one.overfitting.pbo == pytest.approx(other.overfitting.pbo)
    assert one.alignment == other.alignment
    rows = lake.sql("from deflated() where part = 'fold'")
    truth = whole.sql("from deflated()")
    assert sorted(set(rows["dsr"].round(9))) == sorted(truth["dsr"].round(9))
    assert lake.sql("from deflated() where part = 'in sample'")["dsr"].null_count() == 20


def test_what_is_in_sample_is_judged_when_asked_for(lake):
    walk(lake, noise_of(seeded(), rows=250, trials=5))
    report = lake.overfit(sample="in", **FAST)
    assert (report.counts.trials, report.gathered.in_sample) == (5, 0)
    assert report.best.n_returns == 200


def test_folds_that_overlap_are_not_stitched(lake):
    """The longest stands for them: an anchored walk's last holds all the others."""
    returns = noise_of(seeded(), rows=200, trials=3)
    for place in range(3):
        for fold, rows in enumerate((50, 120, 200)):
            cell = {"params": {"place": place}, "fold": str(fold), "sample": "in"}
            lake.save(document(returns[:rows, place], **cell))
    report = lake.overfit(**FAST)
    assert (report.counts.trials, report.best.n_returns) == (3, 200)
    assert report.alignment.rows == 200


def test_folds_without_parameters_are_one_walk_or_many_tries(lake):
    returns = noise_of(seeded(), rows=100, trials=2)
    for fold in range(2):
        part = returns[50 * fold : 50 * fold + 50, 0]
        lake.save(daily(part, 50 * fold, fold=str(fold), sample="out"))
    assert lake.overfit(**FAST).counts.trials == 1
    lake.save(daily(returns[:50, 1], fold="0", sample="out"))
    assert lake.overfit(**FAST).counts.trials == 3


def test_what_markets_gave_is_no_luck_of_the_search(lake):
    """The spread is taken within symbols: a market that rose does not make luck of its trials."""
    rng = seeded()
    with lake.batch() as batch:
        for symbol, edge in (("UP", 0.01), ("DOWN", -0.01)):
            for place in range(20):
                made = document(rng.normal(edge, 0.01, 120), symbol=symbol, params={"p": place})
                batch.save(made)
    values = lake.runs(columns=["symbol", "sharpe_ratio"])
    within = [values.filter(symbol=name)["sharpe_ratio"].var() for name in ("UP", "DOWN")]
    plain = values["sharpe_ratio"].std()
    deviation = lake.overfit(**FAST).best.deflated.deviation * math.sqrt(252)
    assert deviation == pytest.approx(math.sqrt(sum(within) / 2))
    assert plain > 3 * deviation


def test_one_trial_a_symbol_has_the_spread_between_them(lake):
    rng = seeded()
    for place in range(12):
        lake.save(document(rng.normal(0.0, 0.01, 60), symbol=f"S{place}"))
    plain = lake.runs()["sharpe_ratio"].std()
    deviation = lake.overfit(**FAST).best.deflated.deviation * math.sqrt(252)
    assert deviation == pytest.approx(plain)


def moved(lake):
    """The verdict's share, and how the report got it."""
    return lake.overfit(splits=2, bootstraps=2000)


@pytest.mark.thorough
def test_what_adds_no_try_moves_no_verdict(lake, tmp_path):
    """Over three symbols: repeats, copies of the best, of the middle and of the worst, failed and
    flat runs move p by no more than the bootstrap's own error; nor does cutting it into folds."""
    rng, rows = seeded(), 240
    columns = [(symbol, place) for symbol in "ABC" for place in range(8)]
    returns = noise_of(rng, rows=rows, trials=len(columns))
    returns[:, 11] += 0.0015

    def fill(where, folds=1, **others):
        with where.batch() as batch:
            for (symbol, place), column in zip(columns, returns.T, strict=True):
                for fold, part in enumerate(np.split(column, folds)):
                    own = {"fold": str(fold), "sample": "out"} if folds > 1 else {}
                    own |= {"symbol": symbol, "params": {"n": place}, **others}
                    batch.save(daily(part, fold * rows // folds, **own))

    fill(lake)
    before = moved(lake).search
    error = 4 * math.sqrt(before.p * (1 - before.p) / 2000) + 2 / 2000
    order = np.argsort(returns.mean(axis=0) / returns.std(axis=0))

    def stays(trials, where=lake):
        found = moved(where)
        assert found.counts.trials == trials
        assert found.search.p == pytest.approx(before.p, abs=error)
        assert found.search.luck == pytest.approx(before.luck, rel=0.05)

    fill(lake)  # the notebook's cell run twice
    stays(24)
    for place in (order[-1], order[12], order[0]):
        symbol = columns[place][0]
        with lake.batch() as batch:
            for n in range(100, 140):  # other names of the same positions
                batch.save(daily(returns[:, place], symbol=symbol, params={"n": n}, strategy="t"))
        found = moved(lake).search
        assert found.p == pytest.approx(before.p, abs=error)
        lake.delete(lake.ids(strategy="t"), forget=True)
    with lake.batch() as batch:
        for n in range(30):
            batch.save(
                strategy="s", symbol="A", params={"n": 200 + n}, error=f"own error {'x' * n}"
            )
            batch.save(daily(np.zeros(rows), symbol="B", params={"n": 200 + n}))
    stays(24 + 60)
    folded = open_lake(tmp_path / "folded")
    fill(folded, folds=4)
    stays(24, folded)


def test_a_short_symbol_beside_long_ones_moves_no_verdict(lake):
    """Ten worthless trials of half a year beside the others are ten tries, each by its own error."""
    rng = seeded()
    with lake.batch() as batch:
        for place in range(20):
            batch.save(daily(rng.normal(0.0, 0.01, 600), symbol="LONG", params={"n": place}))
        for place in range(10):
            own = {"symbol": "SHORT", "params": {"n": place}}
            batch.save(daily(rng.normal(0.0, 0.01, 120), 480, **own))
    report = moved(lake)
    assert report.search.resampled == 30
    assert report.search.p > 0.001
    independent = report.search.luck * math.sqrt(report.best.n_returns)
    assert independent == pytest.approx(float(expected_max(30)), rel=0.15)


# The same in every place


def lake_of_all_kinds(lake, rng):
    """Grids over symbols and sweeps, folds, repeats, failures alike and not, deleted runs."""
    with lake.batch() as batch:
        for symbol in ("A", "B", None):
            for place, cell in enumerate(CELLS):
                made = document(
                    rng.normal(0.0, 0.01, 80),
                    symbol=symbol,
                    params=cell,
                    sweep="w" if place % 2 else None,
                    strategy="grid",
                )
                batch.save(made)
                if rng.random() < 0.3:
                    batch.save(made)
        for place in range(5):
            error = f"KeyError: {place}" if place else "other"
            batch.save(strategy="grid", symbol="A", params={"n": place}, error=error)
        for place in range(4):
            ratio = float(rng.normal())
            batch.save(strategy="told", params={"n": place}, metrics={"sharpe_ratio": ratio})
    walk(lake, noise_of(rng, rows=150, trials=4), folds=2, strategy="walk", symbol="A")
    ids = lake.runs(strategy="grid", status="ok")["run_id"].to_list()
    lake.delete(ids[:3])


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """For tests that only ask; the seed stands in its path, which each failure shows."""
    seed = secrets.randbits(32)
    lake = open_lake(tmp_path_factory.mktemp(f"seed-{seed}-") / "lake")
    lake_of_all_kinds(lake, np.random.default_rng(seed))
    return lake


ASKED = [
    {},
    {"strategy": "grid"},
    {"strategy": "grid", "symbol": "A"},
    {"symbol": "A"},
    {"sweep": "w"},
    {"strategy": "walk"},
    {"strategy": "walk", "sample": "in"},
    {"strategy": "walk", "sample": "out", "fold": "1"},
    {"strategy": "told"},
    {"where": "sharpe_ratio > 0"},
    {"params": {"fast": 1}},
    {"min_days": 60},
    {"strategy": "grid", "where": "sharpe_ratio > 0"},
    {"params": {"fast": {1, 2}}},
]


# What the macro has no argument of its own for.
AS_SQL = {
    "where": "sharpe_ratio > 0",
    "params": "params ->> '/fast' = '1'",
    "min_days": "epoch(end_at) - epoch(start_at) >= 60 * 86400",
}


def test_a_family_of_several_values_is_named_by_them(lake):
    lake.save(strategy="s", params={"fast": 1})
    assert lake.overfit(params={"fast": {2, 1}}, **FAST).family == "fast=1 or 2"


def in_sql(lake, asked, run_id):
    args = "".join(f', "{name}" := ${name}' for name in asked.keys() - AS_SQL.keys())
    said = [AS_SQL[name] for name in asked.keys() & AS_SQL.keys()]
    if asked.get("params", {}).get("fast") == {1, 2}:
        said = ["params ->> '/fast' in ('1', '2')"]
    if said:
        args += f", run_ids := (select list(run_id) from trials where {' and '.join(said)})"
    values = {name: value for name, value in asked.items() if name not in AS_SQL}
    found = lake.sql(f"from deflated('all'{args}) where run_id = $id", id=run_id, **values)
    return found.row(0, named=True)


@pytest.mark.slow
@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_every_place_counts_and_deflates_alike(kinds, asked):
    report = kinds.overfit(**asked, **FAST)
    if report.best is None:
        return
    luck = report.best.deflated
    row = {r["run_id"]: r for r in kinds.best("sharpe_ratio", 99, deflate=True, **asked).to_dicts()}
    mine = row[report.best.run_id]
    assert mine["dsr"] == (None if luck is None else pytest.approx(luck.dsr, abs=1e-9))
    if luck is not None:
        assert mine["expected_max_sharpe"] == pytest.approx(luck.expected_max_annual)
        assert f"{report.counts.trials:,} trial" in luck_told(kinds, asked)
    told = in_sql(kinds, asked, mine["run_id"])
    assert told["trials"] == report.counts.trials
    assert told["dsr"] == (None if mine["dsr"] is None else pytest.approx(mine["dsr"], abs=1e-9))
    assert told["expected_max_sharpe"] == pytest.approx(mine["expected_max_sharpe"])
    grouped = kinds.aggregate("strategy", deflate=True, **asked).to_dicts()
    if len(grouped) == 1:
        assert grouped[0]["trials"] == report.counts.trials
        assert grouped[0]["expected_max_sharpe"] == pytest.approx(mine["expected_max_sharpe"])


@pytest.mark.slow
@pytest.mark.parametrize("family", ["strategy", "sweep", "symbol", "all"])
def test_one_run_says_the_same_of_its_family(kinds, family):
    """show, compare, best --family and SQL."""
    ranked = kinds.best("sharpe_ratio", 99, deflate=True, family=family)
    rows = ranked.to_dicts()
    in_sql = {row["run_id"]: row for row in kinds.sql(f"from deflated('{family}')").to_dicts()}
    for row in rows[:: max(1, len(rows) // 4)]:
        standing = kinds.run(row["run_id"]).standing(family)
        told = in_sql[row["run_id"]]
        assert (standing.trials, standing.part) == (told["trials"], told["part"])
        if row["dsr"] is not None:
            for name in ("dsr", "expected_max_sharpe"):
                value = pytest.approx(row[name], abs=1e-9)
                assert (getattr(standing, name), told[name]) == (value, value)
    if family == "strategy":
        ids = ranked["run_id"].to_list()[:2]
        found = [one.dsr for one in kinds.compare(ids).standings]
        truth = [in_sql[run_id]["dsr"] for run_id in ids]
        assert found == [each and pytest.approx(each) for each in truth]


@pytest.mark.slow
def test_a_report_for_each_symbol_is_that_of_the_symbol(kinds):
    found = kinds.overfit_per("symbol", strategy="grid", **FAST)
    assert list(found) == [("A",), ("B",), (None,)]
    for symbol in "AB":
        alone, part = kinds.overfit(strategy="grid", symbol=symbol, **FAST), found[(symbol,)]
        assert part.family == f"grid {symbol}"
        assert part.counts == alone.counts
        assert part.search == alone.search
        row = kinds.best("sharpe_ratio", per="symbol", deflate=True, strategy="grid").filter(
            symbol=symbol
        )
        assert row["dsr"].item() == pytest.approx(part.best.deflated.dsr, abs=1e-9)


def luck_told(lake, asked):
    """What the command says of the family."""
    from bt_lake.queries.deflating import best
    from bt_lake.queries.filters import Filters

    answer = best(lake.reader, "sharpe_ratio", deflated=True, filters=Filters.of(asked))
    answer.rows()
    return answer.note()
