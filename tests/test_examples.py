"""The made-up prices of the examples are the same on every machine, as a demo's figures must be."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest

from bt_lake.examples.market import prices

PINNED = {
    "SYNTH": "0ba5508362264773",
    "SYNTH-2": "19d0f7fb249573b2",
}
HASH = """
from hashlib import sha256
from bt_lake.examples.market import prices
times, closes = prices("SYNTH")
print(sha256(times.tobytes() + closes.tobytes()).hexdigest()[:16])
"""


@pytest.mark.parametrize("symbol", PINNED)
def test_prices_are_what_they_always_were(symbol: str) -> None:
    times, closes = prices(symbol)
    assert sha256(times.tobytes() + closes.tobytes()).hexdigest()[:16] == PINNED[symbol]


def test_prices_have_ticks_of_a_cent() -> None:
    closes = prices("SYNTH")[1]
    assert (closes == np.array([float(f"{close:.2f}") for close in closes])).all()


def test_prices_do_not_hang_on_the_processor() -> None:
    """exp ends in other digits where its fastest form is not to be had."""
    from numpy._core._multiarray_umath import __cpu_dispatch__

    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(__cpu_dispatch__)}
    command = [sys.executable, "-c", HASH]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == PINNED["SYNTH"]
