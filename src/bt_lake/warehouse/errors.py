"""What can go wrong, as one small tree; every message says what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self


class LakeError(Exception):
    """Base of every error bt-lake raises on purpose; the command line exits with its code."""

    exit_code = 2


class BadInput(LakeError):
    """Something given by the caller cannot be used: a value, a file, an option."""


class UnknownName(BadInput):
    """A metric, column, filter or command that does not exist."""

    @classmethod
    def near(cls, kind: str, name: str, known: Iterable[str], hint: str = "") -> Self:
        return cls(f"no {kind} '{name}'{did_you_mean(name, known)}{hint}")


class NotFound(LakeError):
    """No such run, file or lake."""

    exit_code = 3


class Ambiguous(BadInput):
    """An abbreviated run id fits several runs."""


class Duplicate(BadInput):
    """A run of that id, or of that configuration where `unique` was asked for, is there already.

    `saved` are the ids of the others, which went in.
    """

    saved: Sequence[str] = ()


class MissingExtra(BadInput):
    """An optional dependency is needed and not installed."""

    @classmethod
    def needs(cls, what: str, extra: str) -> Self:
        return cls(f'{what} needs an optional part: pip install "bt-lake[{extra}]"')


class Damaged(LakeError):
    """The lake on disk is not what it should be; `bt-lake check` tells more."""

    exit_code = 4


class FormatTooNew(Damaged):
    """The lake was written by a newer bt-lake."""


class CannotRead(LakeError):
    """The file system refused: no permission, a disk that fails, a mount that is away."""

    exit_code = 4


class CannotWrite(LakeError):
    """The file system refused: no space, no permission, read-only."""

    exit_code = 4


class Unconfirmed(CannotWrite):
    """Saved, or perhaps saved, but not known to be durable: saving it again may double it."""


class Conflict(LakeError):
    """Others changed the lake at the same moment, again and again."""

    exit_code = 4


class Busy(LakeError):
    """Another process holds a lock for longer than the caller would wait."""

    exit_code = 5


def did_you_mean(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    names = sorted(set(known))
    small = get_close_matches(name.lower(), {n.lower() for n in names}, n=3, cutoff=0.6)
    near = [n for each in small for n in names if n.lower() == each][:3]
    near += [n for n in names if name and n.startswith(name) and n not in near][: 3 - len(near)]
    return f". Did you mean {', '.join(near)}?" if near else "."
