"""Calling code that is not ours from a command."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """What the user's code prints, in whatever way, goes to stderr: stdout is for data."""
    ours = sys.stdout
    with contextlib.ExitStack() as stack:
        stack.enter_context(_stderr_kept_open())
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        with contextlib.suppress(OSError):  # one of the two is closed: nothing to keep clean
            kept = os.dup(1)
            stack.callback(os.close, kept)
            os.dup2(2, 1)
            stack.callback(os.dup2, kept, 1)
            stack.callback(_flush, ours)
        yield


@contextlib.contextmanager
def _stderr_kept_open() -> Iterator[None]:
    """Whatever is closed meanwhile, there is an stderr again for what we have to say."""
    try:
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                kept = os.dup(2)
                stack.callback(os.close, kept)
                stack.callback(os.dup2, kept, 2)
            yield
    finally:
        if getattr(sys.stderr, "closed", False):
            sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _flush(ours: object) -> None:
    """Empty the buffers of Python and of C while they still lead to stderr."""
    with contextlib.suppress(AttributeError, ValueError, OSError):
        ours.flush()  # type: ignore[attr-defined]
    with contextlib.suppress(TypeError, OSError, AttributeError):  # Windows has no CDLL(None)
        ctypes.CDLL(None).fflush(None)
