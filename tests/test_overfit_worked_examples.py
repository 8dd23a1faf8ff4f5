"""Published numbers: every worked example marked as matching, by the package's own functions.

Where a paper uses a variant the lake does not, the variant is written out here in the package's
terms, so that the difference can be seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from trials import expected

from bt_lake.overfit import multiple, normal, sharpe
from bt_lake.overfit.memory import lo_factor

EXAMPLES = {example["id"]: example for example in expected("worked_examples")}

# Sharpe ratios of 24 months, as Lopez de Prado et al. (2025) give them.
PAPER_2025 = {"sr": 0.036 / 0.079, "n": 24, "skew": -2.448, "kurt": 10.164}

# Nothing of ours to compare: data that was not published.
NOT_COMPUTABLE = {"pbo_R_vignette"}
# Counts of independent trials that the lake does not make: see docs/overfitting.md.
NOT_OURS = {"n_indep", "effective_rank"}


def value(text: Any) -> Any:
    """'2.5/sqrt(252)' as the number it means; lists and numbers as they are."""
    if not isinstance(text, str):
        return text
    above, _, below = text.partition("/")
    below = below.removeprefix("sqrt(").removesuffix(")") if below else "1"
    root = math.sqrt(float(below)) if "sqrt" in text else float(below)
    return float(above) / root


def psr(*, sr, sr0, n, skew, kurt):
    return sharpe.probabilistic(sr, n, skew, kurt, sr0)


def dsr(*, sr, V, T, skew, kurt, N):
    return sharpe.deflated(sr, T, skew, kurt, trials=N, deviation=np.sqrt(V))


def min_trl(*, sr, sr0, p, skew, kurt):
    return sharpe.min_track_record(sr, skew, kurt, sr0, p)


def sharpe_error(*, sr, n, skew, kurt):
    return np.sqrt(sharpe.variance_factor(sr, skew, kurt) / (n - 1))


def error_2025(skew, kurt):
    """The 2025 paper divides by n, not n - 1."""
    return np.sqrt(sharpe.variance_factor(PAPER_2025["sr"], skew, kurt) / PAPER_2025["n"])


def psr_2025(above):
    """... and takes the variance at the Sharpe ratio of the null hypothesis."""
    factor = sharpe.variance_factor(above, PAPER_2025["skew"], PAPER_2025["kurt"])
    return normal.cdf((PAPER_2025["sr"] - above) / np.sqrt(factor / PAPER_2025["n"]))


def haircut_independent(sr_annual, T, N, df):
    """[single p, multiple p, haircut Sharpe] of N independent tests over T months."""
    monthly = sr_annual / math.sqrt(12)
    single = multiple.student.two_sided(monthly * math.sqrt(T), df)
    together = multiple.sidak(np.full(N, single))[0]
    return [single, together, multiple.haircut(together, T, df) * math.sqrt(12)]


def haircut_percent(p_single, N, T):
    before = multiple.haircut(p_single, T)
    return 100 * (1 - multiple.haircut(multiple.sidak(np.full(N, p_single))[0], T) / before)


def hurdle(sigma_annual, alpha, obs, tests=1):
    """Monthly mean return in percent that is significant after Bonferroni; normal quantile."""
    n = np.array(obs)
    return 100 * sigma_annual / math.sqrt(12) * multiple.haircut(alpha / tests, n, math.inf)


def bonferroni_with_lo(sr_annual, T, rho, N):
    """mlfinlab first lowers the Sharpe ratio for autocorrelation (Lo 2002)."""
    drag = 1 + 2 * rho / (1 - rho) * (1 - (1 - rho**12) / (12 * (1 - rho)))
    monthly = sr_annual / math.sqrt(12) / math.sqrt(drag)
    return multiple.bonferroni(np.full(N, multiple.p_values(monthly, T)))[0]


def autocorrelation_factor(rho, q):
    """What Lo's factor leaves of a Sharpe ratio whose returns are AR(1)."""
    return float(lo_factor(rho ** np.arange(1, q))) ** -0.5


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "expected_max_z": lambda N: sharpe.expected_max(N),
    "sr0": lambda V, N, **_: math.sqrt(V) * sharpe.expected_max(N),
    "dsr": dsr,
    "psr": psr,
    "sr_std": sharpe_error,
    "min_trl": min_trl,
    "min_trl/12": lambda **given: min_trl(**given) / 12,
    "min_trl/52": lambda **given: min_trl(**given) / 52,
    "min_trl/250": lambda **given: min_trl(**given) / 250,
    "min_btl_years": lambda N, sr_annual: (sharpe.expected_max(N) / sr_annual) ** 2,
    "bonferroni": lambda p: multiple.bonferroni(p),
    "holm": lambda p: multiple.holm(p),
    "fdr_by": lambda p: multiple.benjamini_yekutieli(p),
    "harvey_liu_bhy": lambda p, c_M: multiple.harvey_liu(p),
    "haircut_independent": lambda sr_annual, T, N, dist: haircut_independent(
        sr_annual, T, N, math.inf if dist == "normal" else T - 1
    ),
    "haircut_independent_pct": lambda p_single, N, T, **_: haircut_percent(p_single, N, T),
    "p_multiple": lambda p, N: multiple.sidak(np.full(N, p))[0],
    "monthly_return_hurdle_pct": hurdle,
    "p_adj": bonferroni_with_lo,
    "C(16,8)": lambda: math.comb(16, 8),
    "sr_autocorr_factor": autocorrelation_factor,
}
BY_ID: dict[str, Callable[[], Any]] = {
    "ldp2025_se_nonnormal": lambda: error_2025(PAPER_2025["skew"], PAPER_2025["kurt"]),
    "ldp2025_se_normal": lambda: error_2025(0.0, 3.0),
    "ldp2025_psr0": lambda: psr_2025(0.0),
    "ldp2025_psr_.1": lambda: psr_2025(0.1),
    "ldp2025_mintrl_alpha.05": lambda: (normal.quantile(0.95) / PAPER_2025["sr"]) ** 2,
    "dsr_bug_sqrt_T": lambda: dsr(
        **{**EXAMPLES["dsr_paper"]["inputs"], "T": EXAMPLES["dsr_paper"]["inputs"]["T"] + 1}
    ),
    "psr_2012_on_same_data": lambda: psr(sr0=0.0, **PAPER_2025),
}
COMPUTABLE = [
    name
    for name, example in EXAMPLES.items()
    if name in BY_ID or (example.get("function") in FUNCTIONS and name not in NOT_COMPUTABLE)
]


def ours(name: str) -> Any:
    if name in BY_ID:
        return BY_ID[name]()
    example = EXAMPLES[name]
    inputs = {
        key: given if key in ("dist", "note", "C") else value(given)
        for key, given in example["inputs"].items()
    }
    return FUNCTIONS[example["function"]](**inputs)


def test_all_matching_examples_are_here():
    matching = {
        name
        for name, example in EXAMPLES.items()
        if example.get("matches") and example.get("function") not in NOT_OURS
    }
    assert matching - set(COMPUTABLE) == NOT_COMPUTABLE
    assert len(COMPUTABLE) >= 70


@pytest.mark.parametrize("name", COMPUTABLE)
def test_worked_example(name):
    example, found = EXAMPLES[name], ours(name)
    if example.get("matches") and example["quoted"] is not None:
        tolerance = example["tolerance_vs_quoted"]
        assert found == pytest.approx(example["quoted"], rel=0, abs=max(tolerance, 1e-12))
    recomputed = example["recomputed"]
    if isinstance(recomputed, dict):
        recomputed = recomputed["euler_mascheroni"]
    assert found == pytest.approx(recomputed, rel=1e-8, abs=1e-10)
