"""How often the verdict is wrong, and how often it sees what is there.

    python bench/calibration.py [--families N] [--only WORDS] [--power] [--json FILE]

Families of noise of many kinds, seeded: the share of them whose best trial is called better than
luck, with its exact 95 % interval, should be 5 % at most from 250 returns on; the Reality Check and
SPA stand beside it. With --power families with an edge, beside the ideal: the test of the maximum
by someone who knows the trials' correlations and volatilities. An hour for 200 families each.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from noise import CELLS, DAYS, EDGES, Cell, Edge, own

from bt_lake.overfit.search import Worlds, worlds

LEVEL = 0.05
RATIOS = (1.0, 1.5, 2.0)
YEARS = (2, 5, 10)
IDEAL_DRAWS = 4000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--families", type=int, default=200, help="a cell")
    options.add_argument("--bootstraps", type=int, default=500)
    options.add_argument("--only", default="", help="cells whose name has these words")
    options.add_argument("--power", action="store_true")
    options.add_argument("--json", type=Path)
    asked = options.parse_args()
    rows = list(powers(asked) if asked.power else alarms(asked))
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


def alarms(asked: argparse.Namespace) -> Iterator[dict]:
    print("| noise, returns x trials | families | better than luck | RC | SPA | seconds |")
    print("|---|--:|--:|--:|--:|--:|")
    for cell in CELLS:
        if asked.only not in cell.name:
            continue
        start = time.perf_counter()
        found = false_alarms(cell, asked.families, asked.bootstraps)
        hits, check, spa = (int(np.count_nonzero(p <= LEVEL)) for p in found.T)
        low, high = interval(hits, asked.families)
        print(
            f"| {cell.name} | {asked.families} | {percent(hits, asked)} "
            f"({100 * low:.1f}-{100 * high:.1f}) | "
            + " | ".join(percent(n, asked) if cell.curves else "-" for n in (check, spa))
            + f" | {time.perf_counter() - start:.0f} |",
            flush=True,
        )
        yield {"cell": cell.name, "families": asked.families, "hits": hits, "interval": [low, high]}


def false_alarms(cell: Cell, families: int, bootstraps: int) -> np.ndarray:
    """p of the best trial, of the Reality Check and of SPA in families of this kind."""
    rng = np.random.default_rng(zlib.crc32(cell.name.encode()))
    p = [best_of(cell, cell.make(rng), bootstraps, seed) for seed in range(families)]
    return np.array(p)


def best_of(cell: Cell, returns, bootstraps: int, seed: int) -> tuple[float, float, float]:
    trials = own(returns)
    mean, deviation = trials.mean_and_deviation()
    ratio = mean / deviation
    if cell.curves:
        found = judged(trials, bootstraps, seed)
    else:
        found = worlds(None, summaries(trials, ratio))
    best = int(np.argmax(ratio))
    return found.p[best], found.reality_check or 1.0, found.spa or 1.0


def judged(trials, bootstraps: int, seed: int) -> Worlds:
    nothing = np.full(trials.points.counts.size, np.nan)
    return worlds(trials, nothing, bootstraps=bootstraps, seed=seed)


def summaries(trials, ratio: np.ndarray) -> np.ndarray:
    """What a report knows of trials that saved no curve: the z of their PSR."""
    from bt_lake.overfit import sharpe

    points, off = trials.points, trials.returns
    mean, deviation = trials.mean_and_deviation()
    z = (off - points.spread(mean)) / points.spread(deviation)
    skew, kurtosis = points.sum(z**3) / points.counts, points.sum(z**4) / points.counts
    return ratio / sharpe.error(ratio, points.counts, skew, kurtosis)


def powers(asked: argparse.Namespace) -> Iterator[dict]:
    print("| search | years | found at a Sharpe ratio of 1 / 1.5 / 2 | ideal | of the ideal |")
    print("|---|--:|--:|--:|--:|")
    for edge in EDGES:
        for years in YEARS:
            if asked.only not in edge.name:
                continue
            found, ideal = power(edge, years * DAYS, asked), ideal_power(edge, years * DAYS)
            shares = [" / ".join(f"{100 * one:.0f}" for one in both) for both in (found, ideal)]
            of = " / ".join(
                f"{100 * one / other:.0f}" for one, other in zip(found, ideal, strict=True)
            )
            print(f"| {edge.name} | {years} | {shares[0]} | {shares[1]} | {of} |", flush=True)
            yield {"search": edge.name, "years": years, "found": found, "ideal": ideal}


def power(edge: Edge, rows: int, asked: argparse.Namespace) -> list[float]:
    """The share of families whose best trial is called better than luck, for each ratio."""
    rng = np.random.default_rng(zlib.crc32(f"{edge.name} {rows}".encode()))
    hits = np.zeros(len(RATIOS))
    for seed in range(asked.families):
        returns = edge.make(rng, rows)
        for place, ratio in enumerate(RATIOS):
            shifted = returns.copy()
            shifted[:, : edge.good] += ratio / math.sqrt(DAYS)
            found = judged(own(shifted), asked.bootstraps, seed)
            hits[place] += found.p[np.argmax(found.t)] <= LEVEL
    return (hits / asked.families).tolist()


def ideal_power(edge: Edge, rows: int) -> list[float]:
    """Of the largest t-value against its own 95 % quantile, both drawn as normals."""
    rng = np.random.default_rng(0)
    z = np.vstack([edge.make(rng, 1) for _ in range(IDEAL_DRAWS)])
    least = np.quantile(z.max(axis=1), 1.0 - LEVEL)
    z = np.vstack([edge.make(rng, 1) for _ in range(IDEAL_DRAWS)])
    found = []
    for ratio in RATIOS:
        shifted = z.copy()
        shifted[:, : edge.good] += ratio / math.sqrt(DAYS) * math.sqrt(rows)
        found.append(float(np.mean(shifted.max(axis=1) > least)))
    return found


def percent(hits: int, asked: argparse.Namespace) -> str:
    return f"{100 * hits / asked.families:.1f}"


def interval(hits: int, of: int) -> tuple[float, float]:
    """Clopper and Pearson's, at 95 %."""

    def at_most(share: float, most: int) -> float:
        terms = (math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(most + 1))
        return math.fsum(terms)

    def solve(most: int, chance: float) -> float:
        low, high = 0.0, 1.0
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if at_most(middle, most) > chance else (low, middle)
        return low

    lower = 0.0 if hits == 0 else solve(hits - 1, 0.975)
    return lower, 1.0 if hits == of else solve(hits, 0.025)


if __name__ == "__main__":
    main()
