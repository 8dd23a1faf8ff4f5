"""Warnings, said in the name of the line that asked: one outside of this package."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

_PACKAGE = str(Path(__file__).parents[1])


def warn(text: str, category: type[Warning] = UserWarning, *, again: bool = False) -> None:
    """Once for each line that leads to it, as Python's own filters have it; or again each time."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    warnings.warn_explicit(
        text,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        frame.f_globals.get("__name__"),
        None if again else frame.f_globals.setdefault("__warningregistry__", {}),
    )
