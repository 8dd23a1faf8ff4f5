"""Selection statistics: CSCV beside the usual loop over splits, DSR over a million runs, and both
asked of a lake.

    python bench/overfit.py [--full] [--json FILE]

The loop is what libraries do: for each split put the rows of both halves together, take every
trial's mean over its standard deviation, rank. It is timed on a sample of the splits and
extrapolated; its answers on the sample are checked against ours.
"""

from __future__ import annotations

import argparse
import math
import resource
import time
from collections.abc import Callable, Iterator
from itertools import combinations, islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from overfit_lake import from_a_lake
from report import Report

from bt_lake.overfit import multiple, sharpe
from bt_lake.overfit.align import Curves
from bt_lake.overfit.cscv import cscv
from bt_lake.overfit.family import Family
from bt_lake.overfit.own import Own
from bt_lake.overfit.report import overfit
from bt_lake.overfit.search import worlds

ROWS, BLOCKS = 1000, 16
SPLITS = math.comb(BLOCKS, BLOCKS // 2)
DAY_US = 86_400_000_000
T = TypeVar("T")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--full", action="store_true", help="also 10,000 trials")
    options.add_argument("--json", type=Path)
    asked = options.parse_args()
    report = Report("overfit")
    rng = np.random.default_rng(0)
    returns = rng.normal(0.0002, 0.01, (ROWS, 1000))
    pbo(report, returns, sample=400 if asked.full else 100)
    deflate(report, rng)
    others(report, returns)
    from_a_lake(report, returns, runs=1_000_000 if asked.full else 100_000)
    if asked.full:
        many = rng.normal(0.0002, 0.01, (ROWS, 10_000))
        seconds, _ = timed(lambda: cscv(many, BLOCKS))
        report.row("PBO, 10,000 trials, S = 16", "bt-lake", seconds, "s")
        report.row("  peak memory so far", "bt-lake", peak_mib(), "MiB")
    report.finish(asked.json)


def pbo(report: Report, returns: np.ndarray, sample: int) -> None:
    before = peak_mib()
    seconds, found = timed(lambda: cscv(returns, BLOCKS))
    report.row("PBO, 1,000 trials x 1,000 days", "bt-lake, 12,870 splits", seconds, "s", "<= 20")
    report.row(
        "  peak memory of the process", f"{before:.0f} MiB before", peak_mib(), "MiB", "<= 2048"
    )
    looped, answers = timed(lambda: list(islice(split_by_split(returns), sample)))
    estimate = looped / sample * SPLITS
    assert found is not None
    for i, (winner, rank) in enumerate(answers):
        assert (found.winner[i], found.rank[i]) == (winner, rank), f"split {i} differs"
    report.row("", f"loop over splits, {sample} extrapolated", estimate, "s")
    report.ratio("loop / bt-lake", estimate / seconds)


def split_by_split(returns: np.ndarray) -> Iterator[tuple[int, int]]:
    """Winner in sample and its rank out of sample, one split at a time."""
    blocks = np.split(returns[len(returns) % BLOCKS :], BLOCKS)
    for chosen in combinations(range(BLOCKS), BLOCKS // 2):
        inside = np.concatenate([blocks[b] for b in chosen])
        outside = np.concatenate([blocks[b] for b in range(BLOCKS) if b not in chosen])
        first = inside.mean(axis=0) / inside.std(axis=0, ddof=1)
        second = outside.mean(axis=0) / outside.std(axis=0, ddof=1)
        winner = int(np.argmax(first))
        yield winner, int(np.argsort(np.argsort(second))[winner]) + 1


def deflate(report: Report, rng: np.random.Generator) -> None:
    runs, strategies = 1_000_000, 200
    ratios = rng.normal(0.02, 0.03, runs)
    n = rng.integers(250, 2500, runs).astype(float)
    skew, kurtosis = rng.normal(0.0, 0.5, runs), 3.0 + rng.exponential(2.0, runs)
    strategy = rng.integers(0, strategies, runs)

    def one_family() -> np.ndarray:
        variance = ratios.var(ddof=1)
        return sharpe.deflated(ratios, n, skew, kurtosis, trials=float(runs), variance=variance)

    def by_strategy() -> np.ndarray:
        trials = np.bincount(strategy)
        mean = np.bincount(strategy, ratios) / trials
        variance = np.bincount(strategy, (ratios - mean[strategy]) ** 2) / (trials - 1)
        luck = np.sqrt(variance) * sharpe.expected_max(trials.astype(float))
        return sharpe.probabilistic(ratios, n, skew, kurtosis, luck[strategy])

    report.row("DSR, 1,000,000 runs", "one family", best_of(one_family), "s", "<= 0.5")
    report.row("", f"{strategies} families", best_of(by_strategy), "s", "<= 0.5")

    def adjusted() -> np.ndarray:
        return multiple.holm(multiple.p_values(ratios, n))

    report.row("p-values and Holm, 1,000,000 runs", "Student's t", best_of(adjusted), "s")


def others(report: Report, returns: np.ndarray) -> None:
    family = as_family(returns)
    own, alone = Own.of(family.curves), np.full(len(family), np.nan)
    seconds = best_of(lambda: worlds(own, alone, bootstraps=5000))
    report.row("which trials are good", "1,000 trials, 5,000 bootstraps", seconds, "s")
    report.row(
        "the whole report", "1,000 trials from curves", best_of(lambda: overfit(family)), "s"
    )


def as_family(returns: np.ndarray) -> Family:
    rows, trials = returns.shape
    z = (returns - returns.mean(axis=0)) / returns.std(axis=0)
    return Family(
        ids=[f"t{i:05}" for i in range(trials)],
        sharpe_period=returns.mean(axis=0) / returns.std(axis=0, ddof=1),
        n_returns=np.full(trials, float(rows)),
        skew=(z**3).mean(axis=0),
        kurtosis=(z**4).mean(axis=0),
        periods_per_year=np.full(trials, 252.0),
        failed=np.zeros(trials, bool),
        deleted=np.zeros(trials, bool),
        params=[{"fast": i % 40, "slow": i // 40} for i in range(trials)],
        curves=Curves(
            ts=np.tile(np.arange(rows) * DAY_US, trials),
            equity=(100_000 * np.cumprod(1 + returns, axis=0)).T.reshape(-1),
            offsets=np.arange(trials + 1) * rows,
            base=np.full(trials, 100_000.0),
        ),
    )


def timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    answer = work()
    return time.perf_counter() - start, answer


def best_of(work: Callable[[], object], times: int = 3) -> float:
    return min(timed(work)[0] for _ in range(times))


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
