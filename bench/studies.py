"""What the rule of a study says of searches of noise, and of searches with an edge in them.

    python bench/studies.py [--seeds 200] [--trials 100] [--bootstraps 300]

Each search has two years of days in sample and one in the holdout; its trials have the correlation
that is said. Counted is how often each rule says yes: the naive one (the best by itself, at
5 %), the study's at its end, the study's for a searcher who asks after every twentieth trial and
stops at the first yes, and the study's with a holdout. Of noise the last three may do so in 5 %.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from calibration import interval

from bt_lake.overfit.report import counted
from bt_lake.study.looking import in_holdout

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from trials import DAY, family

DAYS, HELD, YEAR = 504, 252, 252
LEVEL = 0.05
SEARCHES = (
    ("noise", 0.0, 0.0),
    ("noise", 0.5, 0.0),
    ("an edge of sharpe 3 in one trial", 0.0, 3.0),
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=200)
    options.add_argument("--trials", type=int, default=100)
    options.add_argument("--bootstraps", type=int, default=300)
    asked = options.parse_args()
    for name, rho, edge in SEARCHES:
        said = Counter[str]()
        for seed in range(asked.seeds):
            said.update(search(seed, asked.trials, rho, edge, asked.bootstraps))
        print(f"{name}, correlation {rho}: {asked.seeds} searches of {asked.trials} trials")
        for rule in ("naive", "study", "study, stopped early", "study with a holdout"):
            low, high = interval(said[rule], asked.seeds)
            print(f"  {rule:<24} {said[rule] / asked.seeds:6.1%}  ({low:.1%} to {high:.1%})")


def search(seed: int, trials: int, rho: float, edge: float, bootstraps: int) -> list[str]:
    """The rules that find something in one search."""
    rng = np.random.default_rng([seed, trials])
    common = rng.normal(0.0, 1.0, (DAYS + HELD, 1))
    own = rng.normal(0.0, 1.0, (DAYS + HELD, trials))
    returns = 0.01 * (math.sqrt(rho) * common + math.sqrt(1.0 - rho) * own)
    returns[:, rng.integers(trials)] += 0.01 * edge / math.sqrt(YEAR)
    seen = returns[:DAYS]
    t = seen.mean(axis=0) / seen.std(axis=0, ddof=1) * math.sqrt(DAYS)
    found = ["naive"] * bool(t.max() > 1.645)
    early = False
    for made in range(20, trials + 1, 20):
        best = counted(family(seen[:, :made]), unmade=trials - made, bootstraps=bootstraps)
        early = early or (best is not None and best.p <= LEVEL)
        if made == trials and best is not None:
            found += ["study"] * (best.p <= LEVEL)
    found += ["study, stopped early"] * early
    held = np.cumprod(1.0 + returns[DAYS:, int(t.argmax())])
    p = in_holdout(np.arange(HELD) * DAY, held, 1.0, float(YEAR))["p"]
    return found + ["study with a holdout"] * (p <= LEVEL)


if __name__ == "__main__":
    main()
