"""The macro `deflated`, in Python and in the plain shell, beside the package's own statistics.

Tolerance: 1e-11 absolute for probabilities, 1e-12 relative for everything else.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from test_shell import shell
from trials import seeded

from bt_lake.overfit import sharpe
from bt_lake.warehouse.errors import BadInput

COLUMNS = "run_id, family, trials, sharpe_ratio, expected_max_sharpe, psr, dsr"


def close(values):
    return pytest.approx(values, rel=0, abs=1e-11)


def reported(rng, **columns):
    metrics = {
        "sharpe_period": float(rng.normal(0.02, 0.05)),
        "skew": float(rng.normal(0.0, 0.5)),
        "kurtosis": float(3.0 + rng.exponential(2.0)),
        "n_returns": int(rng.integers(12, 2000)),
    }
    return {"periods_per_year": 252, "symbol": "AAA", "metrics": metrics, **columns}


def every(lake, family="strategy"):
    """The answer as a dict of columns by run."""
    rows = lake.sql(f"select {COLUMNS} from deflated('{family}')").to_dicts()
    return {row.pop("run_id"): row for row in rows}


def test_normal_distribution(lake):
    lake.save(strategy="a")
    z = np.concatenate([np.linspace(-9.0, 9.0, 3001), [-300.0, 300.0]])
    ask = "select unnest($z::double[]) as z"
    found = lake.sql(f"select lake_normal_cdf(z) as p from ({ask})", z=z.tolist())["p"]
    exact = np.array([NormalDist().cdf(value) for value in z])
    error = np.abs(found.to_numpy() - exact)
    assert error.max() < 3e-12
    assert error[np.abs(z) > 0.67].max() < 3e-16
    assert lake.sql("select lake_normal_cdf(0.0) as p").item() == 0.5
    assert lake.sql("select lake_normal_cdf(null::double) as p").item() is None


def test_expected_maximum(lake):
    lake.save(strategy="a")
    n = [1, 2, 3, 7, 13, 14, 100, 324, 10_000, 1_000_000, 10_000_000_000]
    found = lake.sql("select lake_expected_max(unnest($n::bigint[])) as e", n=n)["e"]
    assert found.to_list() == pytest.approx(sharpe.expected_max(n).tolist(), rel=1e-14)


def test_deflated_is_what_the_package_computes(lake):
    rng = seeded()
    documents = [reported(rng, strategy=f"s{rng.integers(3)}") for _ in range(120)]
    with lake.batch() as batch:
        ids = [batch.save(document) for document in documents]
        batch.save(strategy="s0", error="no data")
    lake.delete(ids[:10])
    found = every(lake)
    assert set(found) >= set(ids[10:])
    assert not set(found) & set(ids[:10])
    for name in ("s0", "s1", "s2"):
        of = [i for i, document in enumerate(documents) if document["strategy"] == name]
        columns = {
            key: np.array([documents[i]["metrics"][key] for i in of], float)
            for key in ("sharpe_period", "n_returns", "skew", "kurtosis")
        }
        moments = tuple(columns.values())
        trials, variance = len(of) + (name == "s0"), columns["sharpe_period"].var(ddof=1)
        dsr = sharpe.deflated(*moments, trials=trials, deviation=np.sqrt(variance))
        psr = sharpe.probabilistic(*moments)
        luck = np.sqrt(252 * variance) * sharpe.expected_max(trials)
        for place, i in enumerate(of):
            if ids[i] in found:
                row = found[ids[i]]
                assert (row["family"], row["trials"]) == (name, trials)
                assert row["expected_max_sharpe"] == pytest.approx(float(luck), rel=1e-12)
                assert (row["psr"], row["dsr"]) == close((psr[place], dsr[place]))


@pytest.mark.parametrize(
    ("family", "labels"),
    [("strategy", {"a", "b"}), ("sweep", {"w", None}), ("symbol", {"X", None}), ("all", {None})],
)
def test_families(lake, family, labels):
    rng = seeded()
    with lake.batch() as batch:
        for _ in range(5):
            batch.save(reported(rng, strategy="a", symbol="X", sweep="w"))
            batch.save(reported(rng, strategy="b", symbol=None))
    found = list(every(lake, family).values())
    assert {row["family"] for row in found} == labels
    assert {row["trials"] for row in found} == {10 // len(labels)}
    assert all(0.0 <= row["dsr"] <= row["psr"] <= 1.0 for row in found)


def test_unknown_family(lake):
    lake.save(strategy="a")
    with pytest.raises(BadInput, match="no family 'sweeps'. Did you mean sweep"):
        lake.sql("from deflated('sweeps')")


def test_bar_sizes_meet_on_annual_terms(lake):
    """An hourly run and a daily one with the same annual Sharpe ratio are equally spread."""
    rng = seeded()
    daily = [reported(rng, strategy="s") for _ in range(20)]
    with lake.batch() as batch:
        for place, document in enumerate(daily):
            hourly = 24 if place % 2 else 1
            metrics = dict(document["metrics"])
            metrics["sharpe_period"] /= np.sqrt(hourly)
            batch.save(document, strategy="mixed", periods_per_year=252 * hourly, metrics=metrics)
            batch.save(document)
    found = list(every(lake).values())
    luck = {row["expected_max_sharpe"] for row in found}
    assert max(luck) == pytest.approx(min(luck), rel=1e-12)


def test_runs_that_only_report_count_in_the_spread(lake):
    """Without a period the annual ratio is taken as it is; without a year, the family's median."""
    with lake.batch() as batch:
        for ratio in (0.5, 1.0, 1.5):
            batch.save(strategy="s", metrics={"sharpe_ratio": ratio})
        moments = {"skew": 0.0, "kurtosis": 3.0, "n_returns": 500}
        batch.save(strategy="s", metrics={"sharpe_period": 0.1, **moments}, periods_per_year=400)
        last = batch.save(strategy="s", metrics={"sharpe_period": 0.125, **moments})
    row = every(lake)[last]
    spread = np.std([0.5, 1.0, 1.5, 2.0, 2.5], ddof=1)
    assert row["expected_max_sharpe"] == pytest.approx(float(spread * sharpe.expected_max(5)))
    above = row["expected_max_sharpe"] / 20
    assert row["dsr"] == close(float(sharpe.probabilistic(0.125, 500, 0.0, 3.0, above)))


@pytest.mark.parametrize(
    ("documents", "psr"),
    [
        ([{"sharpe_period": 0.1, "n_returns": 500}], True),
        ([{"sharpe_period": 0.1, "n_returns": 500}] * 3, True),
        ([{"sharpe_period": r, "n_returns": 11} for r in (0.1, 0.2, 0.3)], False),
        ([{"sharpe_period": r} for r in (0.1, 0.2, 0.3)], False),
        ([{"total_return": 0.1}] * 3, False),
    ],
    ids=["one trial", "no spread", "few returns", "unknown returns", "no sharpe"],
)
def test_bad_families_get_no_number(lake, documents, psr):
    with lake.batch() as batch:
        for metrics in documents:
            batch.save(
                strategy="s",
                metrics={"skew": 0.0, "kurtosis": 3.0, **metrics},
                periods_per_year=252,
            )
    for row in every(lake).values():
        assert row["dsr"] is None
        assert (row["psr"] is not None) == psr


def test_impossible_moments_get_no_number(lake):
    with lake.batch() as batch:
        for ratio in (0.1, 0.5):
            moments = {"sharpe_period": ratio, "skew": 9.0, "kurtosis": 1.0, "n_returns": 99}
            batch.save(strategy="s", metrics=moments, periods_per_year=252)
    assert sorted(row["dsr"] is None for row in every(lake).values()) == [False, True]


@pytest.mark.slow
def test_the_shell_answers_the_same(lake):
    rng = seeded()
    with lake.batch() as batch:
        for _ in range(40):
            batch.save(reported(rng, strategy=f"s{rng.integers(2)}"))
        batch.save(strategy="s0", error="no data")
    ask = f"select {COLUMNS} from deflated('strategy') where dsr is not null order by run_id"
    ours = lake.sql(ask).rows()
    theirs = shell(lake.path, ask)
    assert len(ours) == 40
    for one, other in zip(ours, theirs, strict=True):
        assert other[:3] == [*one[:2], str(one[2])]
        assert [float(v) if v != "NULL" else None for v in other[3:]] == [
            pytest.approx(v, rel=1e-12) if v is not None else None for v in one[3:]
        ]


@pytest.mark.slow
def test_any_family_is_a_list_of_runs_in_the_shell_too(lake):
    rng = seeded()
    with lake.batch() as batch:
        for place in range(30):
            batch.save(reported(rng, strategy="s", params={"n": place}))
    ask = (
        "select trials, dsr from deflated('all', run_ids := (select list(run_id) from trials "
        "where try_cast(params ->> '/n' as int) < 12)) order by run_id"
    )
    truth = lake.best("sharpe_period", 99, deflate=True, params={"n<": 12}).sort("run_id")
    for found in (lake.sql(ask).rows(), shell(lake.path, ask)):
        assert [int(row[0]) for row in found] == [12] * 12
        assert [float(row[1]) for row in found] == pytest.approx(truth["dsr"].to_list(), abs=1e-9)
    nothing = lake.sql("from deflated('all', run_ids := []::varchar[])")
    assert nothing.height == 0
