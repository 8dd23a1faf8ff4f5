"""Several files are flushed at once, and none is forgotten."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from bt_lake.warehouse import flushing
from bt_lake.warehouse.flushing import flush


@pytest.fixture
def flushed(monkeypatch):
    """The descriptors that were flushed; those in `failing` fail, and none needs to be a file."""
    seen: list[int] = []
    failing: set[int] = set()

    def fsync(descriptor: int) -> None:
        seen.append(descriptor)
        if descriptor in failing:
            raise OSError(errno.EIO, f"disk of {descriptor}")

    monkeypatch.setattr(os, "fsync", fsync)
    return seen, failing


@pytest.mark.parametrize("count", range(6))
def test_all_are_flushed_once(flushed, count):
    flush(iter(range(count)))
    assert sorted(flushed[0]) == [*range(count)]


@pytest.mark.parametrize("failing", [{0}, {1}, {2}, {1, 2}, {0, 1, 2}])
def test_what_fails_is_raised_when_all_are_done(flushed, failing):
    flushed[1].update(failing)
    with pytest.raises(OSError, match=f"disk of {min(failing)}"):
        flush(range(3))
    assert sorted(flushed[0]) == [0, 1, 2]


def test_they_are_under_way_together(monkeypatch):
    together = threading.Barrier(3, timeout=20)
    monkeypatch.setattr(os, "fsync", lambda descriptor: together.wait())
    flush(range(3))


def test_who_may_have_no_more_threads_flushes_alone(flushed, monkeypatch):
    def refused(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(flushing, "_queue", None)
    monkeypatch.setattr(threading.Thread, "start", refused)
    flush(range(3))
    assert flushed[0] == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_a_fork_has_helpers_of_its_own(flushed):
    flush(range(3))
    child = os.fork()
    if not child:
        threading.Timer(20, os._exit, (2,)).start()
        flush(range(3, 6))
        os._exit(sorted(flushed[0]) != [*range(6)])
    assert os.waitpid(child, 0)[1] == 0
