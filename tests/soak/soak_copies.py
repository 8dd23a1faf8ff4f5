"""Thousands of sequences of what happens to copies of a lake; `make soak`, SOAK=100 for fewer."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from machine_of_copies import CopiesOfALake

from bt_lake.warehouse import ids

TestCopies = CopiesOfALake.TestCase
TestCopies.settings = settings(
    max_examples=int(os.environ.get("SOAK", "2000")),
    stateful_step_count=25,
    phases=[Phase.generate, Phase.shrink],
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@pytest.fixture(autouse=True)
def right_clock():
    clock = ids.time
    yield
    ids.time = clock
