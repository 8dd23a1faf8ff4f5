"""Locks: one process at a time, freed by the system when it ends; who waits says for whom.

A holder writes into the file of its lock who it is. One that is stopped (Ctrl-Z, SIGSTOP) keeps
nobody waiting: another process puts a new file in the place of the locked one and goes on. So the
stopped one must not commit when it goes on itself: it looks whether the lock is still its own when
its commit is staged, and whoever takes over removes what was staged.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from bt_lake.warehouse import bounds
from bt_lake.warehouse.errors import Busy, CannotWrite, Damaged, Unconfirmed
from bt_lake.warehouse.files import explained
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.warning import warn

T = TypeVar("T")
NAMES = ("ingest", "maintenance", "study", "sweep")
SAY_AFTER_S = 3.0
_LOOK_EVERY_S = 0.05
_TURNS = 50  # and as long as the caller waits
_MOST_TURNS_OFF = 16
_MOST_OFF_S = 5.0
_COMMIT = re.compile(r"[0-9a-f]{32}")
_WINDOWS = sys.platform == "win32"


class Taken(Exception):
    """Another process went on while this one was stopped; nothing was committed."""


class Overtaken(Exception):
    """In an object store another machine was faster than this one's look; nothing was committed."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock; what is not known is empty."""

    pid: int = 0
    user: str = ""
    host: str = ""
    since: str = ""
    began: str = ""  # when the process began, as the system counts: a pid may be used again
    commit: str = ""

    @classmethod
    def me(cls) -> Self:
        return cls(
            os.getpid(),
            _user(),
            _host(),
            datetime.now(UTC).isoformat(timespec="seconds"),
            _of_process(os.getpid())[1],
        )

    @property
    def state(self) -> str:
        """'alive', 'stopped', or '' where this machine cannot tell."""
        if self.host != _host():
            return ""
        state, began = _of_process(self.pid)
        if not began or began != self.began:
            return ""
        return "stopped" if state in "Tt" else "alive"

    def __str__(self) -> str:
        if not self.pid:
            return "another process (it does not say which)"
        state = f", {self.state}" if self.state else ""
        return f"pid {self.pid} of {self.user} on {self.host} since {self.since}{state}"


@contextlib.contextmanager
def locked(layout: Layout, name: str, *, wait: bool = True) -> Iterator[Lock | None]:
    """Hold a lock of the lake; gives None where another process has it and `wait` is not set."""
    lock = Lock(layout, name)
    try:
        with explained(f"cannot lock {layout.root}"):
            lock.folders.make_folder("_stage")
            held = lock.take(layout.wait_s if wait else 0.0)
        if not held and wait:
            raise Busy(
                f"waited {layout.wait_s:g} s for the {name} lock, which is held by "
                f"{lock.holder()}. Nothing was changed. Try again, or wait longer: --wait SECONDS."
            )
        yield lock if held else None
    finally:
        lock.release()


def alone(layout: Layout, name: str, act: Callable[[Lock], T]) -> T:
    """Look and commit while no other process does; again, if another took over meanwhile."""
    tries, ends = 0, time.monotonic() + layout.wait_s
    while True:
        began = time.monotonic()
        with locked(layout, name) as lock, layout.turn() as is_ours:
            assert lock is not None
            try:
                return act(lock)
            except Overtaken:
                tries += 1
                if not is_ours:
                    raise
                if tries >= _TURNS and began >= ends:
                    raise Busy(
                        f"{layout.address}: other machines were faster {tries} times. Nothing was "
                        "changed. Try again, or wait longer: --wait SECONDS."
                    ) from None
            except (Taken, CannotWrite) as error:
                if lock.is_ours or isinstance(error, Unconfirmed):
                    raise
        if tries:
            _let_others_go(time.monotonic() - began, tries)


def _let_others_go(turn_s: float, tries: int) -> None:
    """Of many who look at the same moment one is first: the others come back one by one."""
    most = turn_s * min(2**tries, _MOST_TURNS_OFF)
    time.sleep(random.uniform(0.0, min(most, _MOST_OFF_S)))


class HeldLock(Protocol):
    """What a commit tells of, so that it is none once another process has taken over."""

    def before_staging(self, commit: str) -> None: ...

    def before_publishing(self) -> None: ...


class Both:
    """One lock inside another: neither may have been taken over."""

    def __init__(self, *locks: HeldLock | None) -> None:
        self._locks = [lock for lock in locks if lock is not None]

    def before_staging(self, commit: str) -> None:
        for lock in self._locks:
            lock.before_staging(commit)

    def before_publishing(self) -> None:
        for lock in self._locks:
            lock.before_publishing()


class Lock:
    def __init__(self, layout: Layout, name: str) -> None:
        self._layout = layout
        self._name = name
        self._file = f"_stage/{name}.lock"
        self.folders = Folders(layout.root)
        self._descriptor: int | None = None
        self._process = os.getpid()

    def take(self, wait_s: float) -> bool:
        """Whether the lock was obtained in that time."""
        begun, said = time.monotonic(), False
        while not self._try():
            waited = time.monotonic() - begun
            if (waited >= SAY_AFTER_S or not wait_s) and self._take_over():
                break
            if waited >= wait_s:
                return False
            if waited >= SAY_AFTER_S and not said:
                said = True
                warn(
                    f"waiting for the {self._name} lock of {self._layout.root}, which is held by "
                    f"{self.holder()}"
                )
            time.sleep(_LOOK_EVERY_S * random.uniform(0.1, 1))
        _held.add(self)
        self._describe(Holder.me())
        return True

    def _try(self) -> bool:
        """Lock the file that has the name now: one that was taken over has it no longer."""
        self._descriptor = self.folders.open_lock(self._file)
        if _try_to_lock(self._descriptor) and self.is_ours:
            return True
        self._close()
        return False

    @property
    def is_ours(self) -> bool:
        if _WINDOWS:  # a file that is open keeps its name
            return True
        held = self._descriptor
        return held is not None and self.folders.is_file_of(held, self._file)

    def holder(self) -> Holder:
        return holder_of(self._layout, self._name)

    def before_staging(self, commit: str) -> None:
        """Say what is going to be committed, so that it can be stopped."""
        self._describe(Holder.me(), commit)

    def before_publishing(self) -> None:
        """Raise `Taken` if another process has taken over."""
        if not self.is_ours:
            raise Taken

    def _describe(self, holder: Holder, commit: str = "") -> None:
        """Write down who holds the lock; where it may not be written, nobody is told."""
        assert self._descriptor is not None
        text = json.dumps(asdict(holder) | {"commit": commit}).encode()
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, text)

    def _take_over(self) -> bool:
        """Put a lock of our own in the place of one whose holder is stopped."""
        if _WINDOWS or self.holder().state != "stopped":
            return False
        own = f"_stage/{self._name}.{os.getpid()}.lock"
        with contextlib.ExitStack() as stack:
            # One process at a time, so that none takes over from one that has just done so.
            judge = self.folders.open_lock("_stage/takeover.lock")
            stack.callback(os.close, judge)
            if not _try_to_lock(judge):
                return False
            holder = self.holder()
            if holder.state != "stopped":
                return False
            self._descriptor = self.folders.open_lock(own)
            _try_to_lock(self._descriptor)
            self.folders.replace(own, self._file)
            if _COMMIT.fullmatch(holder.commit):
                # It may have looked at the lock already and be about to publish this.
                self.folders.remove(f"_stage/{holder.commit}.runs")
            _unlock(judge)
        warn(f"went on in the place of {holder}, which held the {self._name} lock")
        return True

    def release(self) -> None:
        _held.discard(self)
        if self._process != os.getpid():
            return
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            # A forked process shares the lock: closing alone would leave it with that one.
            _unlock(self._descriptor)
            self._close()
        self.folders.close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def leave_to_parent(self) -> None:
        """In a forked process: the lock is the parent's, and ends with it."""
        with contextlib.suppress(OSError):
            self._close()
            self.folders.close()


_held: set[Lock] = set()


def _after_fork() -> None:
    for lock in list(_held):
        lock.leave_to_parent()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def holders(layout: Layout) -> dict[str, Holder]:
    """Who holds which lock at this moment."""
    found = {}
    for name in NAMES:
        if _is_locked(layout.stage / f"{name}.lock"):
            found[name] = holder_of(layout, name)
    return found


def holder_of(layout: Layout, name: str) -> Holder:
    """What a lock's file says; it may have been written by anybody."""
    kinds: dict[str, type] = {part.name: type(part.default) for part in fields(Holder)}
    try:
        raw = json.loads(bounds.read_bounded(layout.stage / f"{name}.lock", bounds.CARD_BYTES))
        said: dict[str, Any] = {n: v for n, v in raw.items() if type(v) is kinds.get(n)}
        return Holder(**said)
    except (OSError, Damaged, ValueError, TypeError, AttributeError):
        return Holder()


def _is_locked(path: Path) -> bool:
    try:
        bounds.check_regular(path, bounds.CARD_BYTES)  # opening a pipe would wait for its other end
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except (OSError, Damaged):
        return False
    try:
        if _try_to_lock(descriptor, shared=True):
            _unlock(descriptor)
            return False
        return True
    finally:
        os.close(descriptor)


def _try_to_lock(descriptor: int, *, shared: bool = False) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unlock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        with contextlib.suppress(OSError):
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        return
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_UN)


def _of_process(pid: int) -> tuple[str, str]:
    """The state of a process and when it began, as Linux tells; elsewhere nothing."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return "", ""
    after_name = text.rpartition(")")[2].split()
    return (after_name[0], after_name[19]) if len(after_name) > 19 else ("", "")


def _user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):
        return os.environ.get("USERNAME") or str(getattr(os, "geteuid", int)())


def _host() -> str:
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
