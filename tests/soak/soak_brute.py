"""A hundred thousand questions to random lakes; `make soak`, SOAK=100 for fewer, SEED=n again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import brute

CASES = int(os.environ.get("SOAK", "100000"))
FIRST = int(os.environ.get("SEED", "1"))
AT_ONCE = 500


@pytest.mark.parametrize("seed", range(FIRST, FIRST + max(1, CASES // AT_ONCE)))
def test_every_answer_is_that_of_plain_python(seed):
    print(f"seed {seed}")
    brute.hunt(seed, min(CASES, AT_ONCE))
