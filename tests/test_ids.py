"""Ids of runs and commits: UUIDs in the order of time, and what those of commits say."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from uuid import RFC_4122, UUID

import pytest

from bt_lake.warehouse import ids


def test_ids_of_one_process_are_in_order_and_say_when():
    before = time.time_ns() // 1_000_000
    made = [ids.uuid7() for _ in range(5000)]
    after = time.time_ns() // 1_000_000
    assert all(one < other for one, other in pairwise(made))
    assert all(each.version == 7 and each.variant == RFC_4122 for each in made)
    millis = [each.int >> 80 for each in made]
    assert before <= millis[0] and millis[-1] <= after + 2  # 4096 an id may be ahead of the clock
    assert len({each.int & ((1 << 62) - 1) for each in made}) == len(made)
    assert max(each.int & ((1 << 62) - 1) for each in made) >> 61  # all of the bits are drawn


def test_a_clock_that_stands_or_goes_back_makes_no_id_twice(monkeypatch):
    monkeypatch.setattr(ids, "_last", 0)
    times = iter([1_000_000_000, 1_000_000_000, 5_000_000, 1_000_000_733])
    monkeypatch.setattr(time, "time_ns", lambda: next(times))
    heads = [ids.uuid7().int >> 64 for _ in range(4)]
    parts = [(head >> 16, head & 0xFFF) for head in heads]
    assert parts == [(1000, 0), (1000, 1), (1000, 2), (1000, 3)]


def test_a_fraction_of_a_millisecond_counts(monkeypatch):
    monkeypatch.setattr(ids, "_last", 0)
    monkeypatch.setattr(time, "time_ns", lambda: 7_500_000)
    head = ids.uuid7().int >> 64
    assert (head >> 16, head & 0xFFF) == (7, 2048)


def test_threads_make_different_ids():
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: [ids.new_run_id() for _ in range(500)], range(4)))
    every = [each for part in made for each in part]
    assert len({UUID(each).int >> 64 for each in every}) == len(every) == 2000
    assert all(part == sorted(part) for part in made)


@pytest.mark.parametrize("children", [(), ("equity",), ("trades",), ("equity", "trades")])
def test_a_commit_says_what_children_it_has(children: tuple[str, ...]):
    made = [ids.new_commit_id(children[::-1]) for _ in range(20)]
    assert made == sorted(made) and len(set(made)) == 20
    for each in made:
        assert ids.children_of(each) == children
        assert UUID(each).version == 8 and UUID(each).variant == RFC_4122 and len(each) == 32


def test_an_older_commit_does_not_say():
    assert ids.children_of(ids.uuid7().hex) is None
    assert ids.children_of("") is None and ids.children_of("0" * 16) is None
    known = ids.new_commit_id(["equity"])
    assert ids.children_of(known[:16] + "c" + known[17:]) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_while_a_thread_makes_an_id_can_make_its_own():
    with ids._lock:  # as another thread would hold it at the fork
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # who waits for a lock that nobody gives back is no child for ever
            os._exit(0 if ids.uuid7().version == 7 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
