"""A file layer that fails where a test says: what the disk, the network or a limit may do."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

import pytest

CALLS = ("open", "link", "fsync", "unlink", "mkdir", "listdir", "scandir", "stat")


class Faults:
    """Each `os` call of a kind may fail with an error, before or after it does its work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def fail(
        self,
        call: str,
        code: int,
        *,
        nth: int | None = None,
        lost_reply: bool = False,
        when: Callable[..., bool] = lambda *arguments: True,
    ) -> list[Any]:
        """Let calls of `os` fail: all, or the nth; gives a list that grows with each failure."""
        real, numbers, failed = getattr(os, call), itertools.count(1), []

        def failing(*arguments: Any, **options: Any) -> Any:
            if not when(*arguments):
                return real(*arguments, **options)
            number = next(numbers)  # threads may flush at once
            if nth is not None and number != nth:
                return real(*arguments, **options)
            failed.append(arguments)
            if lost_reply:
                real(*arguments, **options)
            raise OSError(code, os.strerror(code), str(arguments[0]))

        self._monkeypatch.setattr(os, call, failing)
        return failed

    def heal(self) -> None:
        self._monkeypatch.undo()
