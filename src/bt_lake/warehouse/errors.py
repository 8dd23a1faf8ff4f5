"""What can go wrong, as one small tree; every message says what to do next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Self

_LIKE = 0.6
_WORDS = re.compile(r"[_.\s-]+")


class LakeError(Exception):
    """Base of every error bt-lake raises on purpose; the command line exits with its code."""

    exit_code = 2


class BadInput(LakeError):
    """Something given by the caller cannot be used: a value, a file, an option."""


class UnknownName(BadInput):
    """A metric, column, filter or command that does not exist."""

    @classmethod
    def near(
        cls,
        kind: str,
        name: str,
        known: Iterable[str],
        hint: str = "",
        written: Callable[[str], str] = str,
    ) -> Self:
        return cls(f"no {kind} '{name}'{did_you_mean(name, known, written)}{hint}")


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


class BudgetSpent(BadInput):
    """A study has no trials left; `saved` are the ids of the runs that still went in."""

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


class LeftOut(UserWarning):
    """An answer is without the rows of files that may not be read, or that the disk refuses."""


class Interrupted(LakeError):
    """Somebody stopped the question while it ran: `connection.interrupt()` from another thread."""

    exit_code = 130


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


def did_you_mean(name: str, known: Iterable[str], written: Callable[[str], str] = str) -> str:
    """The names that may be meant, as they are `written` where the name was."""
    near = [written(each) for each in nearest(name, known)]
    return f". Did you mean {', '.join(near)}?" if near else "."


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The names that a misspelt one may stand for, the likeliest first."""
    wanted = name.lower()
    scored = sorted((-_likeness(wanted, each.lower()), len(each), each) for each in set(known))
    return [each for score, _, each in scored[:most] if score <= -_LIKE]


def _likeness(given: str, known: str) -> float:
    """From 0 to 1; as people shorten names, its beginning or one of its words may be meant."""
    if not given:
        return 0.0
    if known.startswith(given):
        return 1.0
    count = len(_WORDS.split(given))
    words = _WORDS.split(known)
    parts = ["_".join(words[at : at + count]) for at in range(len(words))] if words[1:] else []
    return max(_ratio(given, known), *(0.9 * _ratio(given, part) for part in parts), 0.0)


def _ratio(one: str, other: str) -> float:
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.real_quick_ratio() < _LIKE or matcher.quick_ratio() < _LIKE:
        return 0.0
    return matcher.ratio()
