"""Processes of several Unix users, for tests that run as root."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

GROUP = 54321
ANNA, BEN = 54322, 54323
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="only root can start processes of other users",
)


def as_user(user: int, act: Callable[[], None], *, umask: int = 0o022, said: Path) -> str:
    """Do something in a process of another user; what it raised, or nothing."""
    said.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            said.touch()
            said.chmod(0o666)
            os.umask(umask)
            os.setgroups([GROUP])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            try:
                act()
                code = 0
            except BaseException as error:
                said.write_text(f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return said.read_text() if os.waitstatus_to_exitcode(status) else ""
