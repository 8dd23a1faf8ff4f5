"""Copies of a lake that go apart and come together: some sequences; `make soak` runs thousands."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from machine_of_copies import CopiesOfALake

from bt_lake.warehouse import ids

TestCopies = CopiesOfALake.TestCase
TestCopies.settings = settings(
    max_examples=6,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
TestCopies = pytest.mark.thorough(TestCopies)


@pytest.fixture(autouse=True)
def right_clock():
    clock = ids.time
    yield
    ids.time = clock
