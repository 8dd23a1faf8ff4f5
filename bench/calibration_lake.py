"""How often a lake calls noise skill, by every command alike, and how often it sees an edge.

    python bench/calibration_lake.py [--seeds 200] [--only symbol|symbols|folds|edge]

Grids of 36 configurations over six years of days, saved and asked as a user would: on one symbol,
on 8 symbols, walked forward over 4 folds (in sample and out), and with one configuration of annual
Sharpe 2 in 2 of 8 symbols. Of noise at most 5 % may be called better than luck.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections import Counter

import numpy as np
from calibration import interval

import bt_lake

CELLS = [{"fast": i % 6, "slow": i // 6} for i in range(36)]
DAYS, FOLDS, SYMBOLS = 1512, 4, 8
EDGES = ("S2", "S5")
ASKED = {"bootstraps": 300, "splits": 8}
LEVEL = 0.05
# What is counted of each kind of lake, though it may never say so.
_ALL = ("overfit", "best --deflate", "dsr of 0.95")
ASKED_OF = {
    "symbol": _ALL,
    "folds": (*_ALL, "walkforward"),
    "symbols": _ALL,
    "edge": ("an edge", "overfit --per"),
}


def returns_of(rng: np.random.Generator, edge: float = 0.0) -> np.ndarray:
    """Configurations that share half their variance; one of them has the edge, an annual Sharpe."""
    common = rng.normal(0.0, 1.0, (DAYS, 1))
    own = rng.normal(0.0, 1.0, (DAYS, len(CELLS)))
    found = 0.01 * (common + own) / math.sqrt(2.0)
    found[:, rng.integers(len(CELLS))] += 0.01 * edge / math.sqrt(252)
    return found


def document(returns: np.ndarray, first: int = 0, **columns: object) -> dict:
    ts = np.datetime64("2019-01-01", "us") + np.arange(first, first + returns.size) * (
        np.timedelta64(1, "D")
    )
    equity = {"ts": ts, "equity": 1e5 * np.cumprod(1.0 + returns)}
    whole = {"strategy": "s", "initial_capital": 1e5, "periods_per_year": 252}
    return {**whole, **columns, "equity": equity}


def save_grid(lake: bt_lake.Lake, rng: np.random.Generator, symbol: str, edge: float = 0.0) -> None:
    returns = returns_of(rng, edge)
    with lake.batch() as batch:
        for place, cell in enumerate(CELLS):
            batch.save(document(returns[:, place], symbol=symbol, params=cell))


def save_folds(lake: bt_lake.Lake, rng: np.random.Generator) -> None:
    returns, rows = returns_of(rng), DAYS // (FOLDS + 1)
    with lake.batch() as batch:
        for place, cell in enumerate(CELLS):
            for fold in range(FOLDS):
                for sample, first in (("in", fold), ("out", fold + 1)):
                    part = returns[first * rows : (first + 1) * rows, place]
                    where = {"fold": str(fold), "sample": sample, "params": cell}
                    batch.save(document(part, first * rows, **where))


def better(lake: bt_lake.Lake, seed: int) -> dict[str, bool]:
    """What each command says of the same family; of DSR, which is no test, what it would say."""
    report = lake.overfit(seed=seed, **ASKED)
    p = lake.best("sharpe_ratio", 1000, deflate=True, columns=["p_luck"])["p_luck"].min()
    told = lake.sql("select max(dsr) from deflated('all')").item()
    return {
        "overfit": bool(report.better),
        "best --deflate": p is not None and p <= LEVEL,
        "dsr of 0.95": (told or 0.0) >= 1.0 - LEVEL,
    }


def counted(name: str, seeds: int) -> tuple[Counter, int]:
    """How often each command said better, and of how many families."""
    found: Counter = Counter()
    for seed in range(seeds):
        rng = np.random.default_rng([seed, len(name)])
        with tempfile.TemporaryDirectory() as folder:
            lake = bt_lake.open(f"{folder}/lake")
            if name == "symbol":
                save_grid(lake, rng, "S0")
                found.update(what for what, said in better(lake, seed).items() if said)
            elif name == "folds":
                save_folds(lake, rng)
                found.update(what for what, said in better(lake, seed).items() if said)
                psr = lake.walkforward("s", seed=seed).psr
                found["walkforward"] += psr is not None and psr >= 1.0 - LEVEL
            elif name == "symbols":
                for place in range(SYMBOLS):
                    save_grid(lake, rng, f"S{place}")
                found.update(what for what, said in better(lake, seed).items() if said)
            else:
                for place in range(SYMBOLS):
                    symbol = f"S{place}"
                    save_grid(lake, rng, symbol, 2.0 if symbol in EDGES else 0.0)
                for (symbol,), report in lake.overfit_per("symbol", seed=seed, **ASKED).items():
                    kind = "an edge" if symbol in EDGES else "overfit --per"
                    found[kind] += bool(report.better)
    return found, seeds


def families(what: str, seeds: int) -> int:
    if what == "an edge":
        return seeds * len(EDGES)
    if what == "overfit --per":
        return seeds * (SYMBOLS - len(EDGES))
    return seeds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=200)
    options.add_argument("--only", choices=tuple(ASKED_OF))
    asked = options.parse_args()
    print("| lake | asked | better than luck | of families | share | seconds |")
    print("|---|---|--:|--:|--:|--:|", flush=True)
    for name in (asked.only,) if asked.only else ASKED_OF:
        start = time.perf_counter()
        found, seeds = counted(name, asked.seeds)
        for what in sorted({*found, *ASKED_OF[name]}):
            of = families(what, seeds)
            seconds = time.perf_counter() - start
            low, high = interval(found[what], of)
            share = f"{found[what] / of:.1%} ({100 * low:.1f}-{100 * high:.1f})"
            print(
                f"| {name} | {what} | {found[what]} | {of} | {share} | {seconds:.0f} |", flush=True
            )


if __name__ == "__main__":
    main()
