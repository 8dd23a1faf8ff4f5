"""What a thread reads ahead comes in order, ends with its error, and is never much."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from bt_lake.ingest.formats.reading import ahead

MIB = 1 << 20


def made(count: int, seen: list[int]) -> Iterator[int]:
    for number in range(count):
        seen.append(number)
        yield number


def same(number: int) -> int:
    return number


def settled(seen: list[int]) -> int:
    """How many were made when no more are."""
    before = -1
    while before != len(seen):
        before = len(seen)
        time.sleep(0.05)
    return before


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100])
@pytest.mark.parametrize("size", [0, 1, 100 * MIB])
def test_all_come_in_order(count, size):
    found = ahead(made(count, []), lambda _: size, lambda number: 2 * number)
    assert [*found] == [2 * number for number in range(count)]


@pytest.mark.parametrize(("size", "most"), [(1, 9), (10 * MIB, 5), (100 * MIB, 2)])
def test_only_few_are_made_before_they_are_asked_for(size, most):
    seen: list[int] = []
    items = ahead(made(1000, seen), lambda _: size, same)
    assert next(items) == 0
    assert 2 <= settled(seen) <= most
    items.close()


def test_an_error_comes_after_what_was_made_before_it():
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("the third")

    items = ahead(failing(), lambda _: 1, same)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(items)


def test_an_error_of_the_work_comes_in_its_place():
    def inverse(number: int) -> float:
        time.sleep(0.01 * (3 - number))  # the later ones are there first
        return 1 / (number - 2)

    items = ahead(made(4, []), lambda _: 1, inverse)
    assert [next(items), next(items)] == [-0.5, -1]
    with pytest.raises(ZeroDivisionError):
        next(items)


def test_who_stops_early_leaves_no_thread_behind():
    before, seen = threading.active_count(), list[int]()
    items = ahead(made(1000, seen), lambda _: 100 * MIB, same)
    next(items)
    settled(seen)  # the thread waits for room
    items.close()
    assert threading.active_count() == before
    assert len(seen) <= 3
