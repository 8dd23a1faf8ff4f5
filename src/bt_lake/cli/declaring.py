"""What a command takes, declared without Typer: it takes as long to load as DuckDB itself.

A parameter of a command is annotated with an `Option` or an `Argument`, in Typer's words. `parsing`
reads them as they are; for help, completion and mistakes `by_typer` hands them on.
"""

from __future__ import annotations

from typing import Any


class Declared:
    """The names a user writes, if they are not the parameter's own, and the settings of Typer."""

    def __init__(self, *names: str, **settings: Any) -> None:
        self.names = names
        self.settings = settings


class Option(Declared):
    pass


class Argument(Declared):
    pass


class Options:
    """A dataclass whose fields are options of a command, so that several commands share them."""
