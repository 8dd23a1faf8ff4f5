"""Long random tests: `ROUNDS=10000 SEED=1 python tests/soak/run.py lakes`; without a name, all.

Each kind is a function of a random generator and a folder of its own for one round; it raises when
something is wrong. A round is made from its seed alone: `ROUNDS=1 SEED=<that>` repeats it.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))

import hostile

Round = Callable[[random.Random, Path], None]
KINDS: dict[str, Round] = {"lakes": hostile.lake_round}


def soak(kind: str, rounds: int, first: int) -> list[int]:
    """The seeds of the rounds that failed."""
    failed = []
    started = told = time.monotonic()
    print(f"{kind}: {rounds:,} rounds from seed {first}", flush=True)
    for seed in range(first, first + rounds):
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            try:
                KINDS[kind](random.Random(seed), Path(os.path.realpath(folder)))
            except Exception:
                failed.append(seed)
                print(f"{kind}: seed {seed} failed\n{traceback.format_exc()}", flush=True)
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(f"{kind}: {seed - first + 1:,} done, {len(failed)} failed", flush=True)
    took = time.monotonic() - started
    print(f"{kind}: {rounds:,} rounds in {took:.0f} s, {len(failed)} failed {failed}", flush=True)
    return failed


def main(kinds: list[str]) -> int:
    rounds = int(os.environ.get("ROUNDS") or os.environ.get("SOAK") or 10_000)
    first = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    return 1 if sum(len(soak(kind, rounds, first)) for kind in kinds or KINDS) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
