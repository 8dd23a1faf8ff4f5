"""Numbers of judging a run beside statsmodels, empyrical and Optuna, by their versions of today."""

from __future__ import annotations

import empyrical
import numpy as np
import optuna
import pytest
import scipy.stats
import statsmodels.api as sm

from bt_lake.metrics.forest import forest
from bt_lake.metrics.more import Trades, more, sharpe_error
from bt_lake.metrics.relative import relative
from bt_lake.metrics.returns import Returns
from bt_lake.metrics.twosamples import kolmogorov_smirnov

SEEDS = range(5)


def pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    b = draw.normal(0.0004, 0.01, 500)
    return 0.6 * b + draw.normal(0.0003, 0.006, b.size), b


@pytest.mark.parametrize("rate", [0.0, 0.03])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_line_is_that_of_statsmodels(seed: int, rate: float) -> None:
    r, b = pair(seed)
    free = (1 + rate) ** (1 / 252) - 1
    line = sm.OLS(r - free, sm.add_constant(b - free)).fit()
    found = relative(r, b, np.arange(500) // 21, 252.0, rate)
    assert found["beta"] == pytest.approx(line.params[1], rel=1e-9)
    assert found["alpha"] == pytest.approx(line.params[0] * 252, rel=1e-9)
    assert found["r_squared"] == pytest.approx(line.rsquared, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_empyrical_agrees_to_and_what_it_makes_otherwise(seed: int) -> None:
    r, b = pair(seed)
    found = relative(r, b, np.arange(500) // 21, 252.0)
    alpha, beta = empyrical.alpha_beta(r, b)
    assert found["beta"] == pytest.approx(beta, rel=1e-9)
    assert (1 + found["alpha"] / 252) ** 252 - 1 == pytest.approx(alpha, rel=1e-9)  # compounded
    error = np.std(r - b, ddof=1) * np.sqrt(252)
    assert found["tracking_error"] == pytest.approx(error, rel=1e-9)
    assert found["information_ratio"] == pytest.approx(
        empyrical.excess_sharpe(r, b) * np.sqrt(252), rel=1e-9
    )  # theirs is a period's
    for name, which, theirs in (
        ("up_capture", b > 0, empyrical.up_capture),
        ("down_capture", b < 0, empyrical.down_capture),
    ):
        ours, led = (np.prod(1 + each[which]) ** (252 / which.sum()) - 1 for each in (r, b))
        assert theirs(r, b) == pytest.approx(ours / led, rel=1e-9)  # both annualised first
        once, lead = (np.prod(1 + each[which]) ** (1 / which.sum()) - 1 for each in (r, b))
        assert found[name] == pytest.approx(once / lead, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sharpe_ratio_s_error_is_that_of_newey_and_west(seed: int) -> None:
    """The error of a mean of what each return adds, with as many lags and no correction."""
    r, _ = pair(seed)
    x = (r - r.mean()) / r.std()
    adds = x - r.mean() / r.std() / 2 * (x**2 - 1)
    lags = int(4 * (r.size / 100) ** (2 / 9))
    mean = sm.OLS(adds, np.ones(r.size)).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    assert sharpe_error(r) == pytest.approx(mean.bse[0], rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_omega_and_sortino_are_those_of_empyrical(seed: int) -> None:
    r, _ = pair(seed)
    nothing = Trades(*[np.zeros(0)] * 5, np.zeros(0, bool))
    summary = {
        "periods_per_year": 252.0,
        "total_return": 0.1,
        "max_drawdown": -0.2,
        "win_rate": 0.5,
    }
    at = np.arange(r.size) * 86_400_000_000
    found = more(Returns(at, at, r), np.ones(r.size), r, summary, nothing, draws=0)
    assert found["omega"] == pytest.approx(empyrical.omega_ratio(r), rel=1e-9)
    assert found["sortino_ratio"] == pytest.approx(empyrical.sortino_ratio(r), rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_samples_are_as_far_apart_as_scipy_says(seed: int) -> None:
    a, b = pair(seed)
    distance, p = kolmogorov_smirnov(a[:90], b)
    theirs = scipy.stats.ks_2samp(a[:90], b, method="asymp")
    assert distance == pytest.approx(theirs.statistic, rel=1e-12)
    assert p == pytest.approx(theirs.pvalue, abs=0.02)


def test_importance_is_in_the_order_and_size_of_optuna_s_fanova() -> None:
    """Of one random search with an interaction; both are forests with luck of their own."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def score(stop: float, lots: int, slow: int) -> float:
        return 3 * stop + 0.2 * lots + 0.01 * slow * stop

    def objective(trial: optuna.Trial) -> float:
        return score(
            trial.suggest_float("stop", 0, 1),
            trial.suggest_int("lots", 1, 8),
            trial.suggest_int("slow", 10, 100),
        )

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(objective, n_trials=300)
    names = ["stop", "lots", "slow"]
    table = np.array([[trial.params[name] for name in names] for trial in study.trials])
    y = np.array([trial.value for trial in study.trials])
    bins = [np.unique(column, return_inverse=True) for column in table.T]
    places = np.array([at * min(24, len(values)) // len(values) for values, at in bins]).T
    sizes = places.max(axis=0) + 1
    ours = forest(places, y, sizes).shares
    theirs = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0), params=names
    )
    alone = np.array([ours[axis,] for axis in range(3)])
    alone /= alone.sum()  # as theirs, which leaves out what parameters bring together
    assert [names[axis] for axis in np.argsort(-alone)] == list(theirs)
    assert alone == pytest.approx([theirs[name] for name in names], abs=0.08)
