"""A small `bench/calibration_lake.py`: noise is not called skill, an edge is, by every command.

Bounds are such that honest 5 % would break them less than once in a thousand runs.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def calibration():
    path = Path(__file__).parents[1] / "bench" / "calibration_lake.py"
    spec = importlib.util.spec_from_file_location("calibration_lake", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["symbol", "folds"])
def test_noise_is_not_called_skill(calibration, name):
    found, seeds = calibration.counted(name, 6)
    assert seeds == 6
    assert all(count <= 3 for count in found.values()), found


def test_an_edge_in_two_of_eight_symbols_is_found_there_and_nowhere_else(calibration):
    found, _ = calibration.counted("edge", 2)
    assert found["an edge"] >= 2, found
    assert found["overfit --per"] <= 3, found
