"""Whose an address in an object store is: one lake's, as a copy or as what is written to there.

    _stage/<lake_id>     the lake that this is, or is a copy of
    _stage/written       it is written to where it is: no copy of a folder may go there any more
    _stage/copying-...   a copy is about to put its log

Who copies and who writes both say so first and look then, so that at least one sees the other.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Container, Iterable, Iterator, Mapping

from bt_lake.warehouse.errors import BadInput, Busy, Conflict
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.objects import Objects

_WRITTEN = "_stage/written"
_COPYING = "_stage/copying-"
# A copy puts its log in seconds: one that is older was killed.
_STALE_S = 600.0
_LOOK_EVERY_S = 0.5
# What a lake has before it is one.
_UNBORN = ("_seed/", "_log/00000000.json", "lake.sql", _WRITTEN)


def to_copy(objects: Objects, there: Mapping[str, int], lake_id: str) -> None:
    """Before a copy goes up: refuse an address of another lake, or of one that is written to."""
    _check_is_copy(objects, there)
    owners = _owners(there)
    if there and not owners:
        raise BadInput(
            f"{objects.url} is not empty, and has no copy of a lake; name another prefix"
        )
    ours = f"_stage/{lake_id}"
    if not owners:
        objects.create(ours, b"")
        try:
            there = objects.sizes("_stage")
            _check_is_copy(objects, there)
            _check_owner(objects, _owners(there), ours)
        except BadInput:
            objects.remove([ours])
            raise
    _check_owner(objects, owners or [ours], ours)


@contextlib.contextmanager
def copying(objects: Objects) -> Iterator[None]:
    """While a copy puts its log, nobody begins to write there."""
    ours = f"{_COPYING}{uuid7().hex}"
    objects.create(ours, b"")
    try:
        _check_is_copy(objects, objects.sizes("_stage"))
        yield
        if ours not in objects.sizes("_stage"):
            raise Conflict(
                f"{objects.url} was written to while this copy, which was held up, put its log: "
                "what was saved there since may be hidden. Copy it down and merge it."
            )
    finally:
        objects.remove([ours])


def to_write(objects: Objects, lake_id: str, wait_s: float) -> None:
    """Before the first write to a lake where it is."""
    names = {_WRITTEN, f"_stage/{lake_id}"}
    there = objects.sizes("_stage")
    if not names <= there.keys():
        for name in names:
            objects.create(name, b"")
        there = objects.sizes("_stage")
    ends = time.monotonic() + wait_s
    while _copies_under_way(objects, there, f"_stage/{lake_id}"):
        if time.monotonic() >= ends:
            raise Busy(
                f"{objects.url}: a copy goes up there at this moment. Nothing was changed. Try "
                "again, or wait longer: --wait SECONDS."
            )
        time.sleep(_LOOK_EVERY_S)
        there = objects.sizes("_stage")


def to_found(objects: Objects) -> None:
    """Before a lake is made there, by any number of machines at once: nothing else may be there."""
    if _check_is_free(objects):
        objects.create(_WRITTEN, b"")
        _check_is_free(objects)


def owners(there: Iterable[str]) -> list[str]:
    """The lakes whose the prefix is marked as."""
    return [name.removeprefix("_stage/") for name in _owners(there)]


def left_over(marks: Mapping[str, float], lake_id: str | None) -> Iterator[tuple[str, str, str]]:
    """Marks that nobody needs, of some with their times: name, what it is, and what to do."""
    for name, at in marks.items():
        if name.startswith(_COPYING):
            if time.time() - at > _STALE_S:
                said = "left over from a copy that was killed"
                yield name, said, "who next begins to write to the lake removes it"
        elif name != _WRITTEN and lake_id not in (None, name.removeprefix("_stage/")):
            said = "marks the prefix as that of another lake, so that no copy goes up there"
            yield name, said, "remove this object, if that lake is not meant to be here"


def _check_is_free(objects: Objects) -> bool:
    """False where a lake is there by now."""
    there = objects.sizes()
    if "lake.json" in there:
        return False
    if owners := _owners(there):
        raise BadInput(
            f"{objects.url} has a copy of a lake ({owners[0][7:]}) that did not come to its end; "
            "copy it again, or name another prefix"
        )
    if others := [name for name in there if not name.startswith(_UNBORN)]:
        raise BadInput(
            f"{objects.url} has no lake and is not empty: it has {min(others)}; name another prefix"
        )
    return True


def _owners(there: Iterable[str]) -> list[str]:
    staged = [name for name in there if name.startswith("_stage/")]
    return [name for name in staged if name != _WRITTEN and not name.startswith(_COPYING)]


def _check_owner(objects: Objects, owners: list[str], ours: str) -> None:
    if owners != [ours]:
        other = next(name for name in owners if name != ours)
        raise BadInput(f"{objects.url} has another lake ({other[7:]}); name another prefix")


def _check_is_copy(objects: Objects, there: Container[str]) -> None:
    """What was saved to the store itself is in no folder: a copy on top would remove it."""
    if _WRITTEN in there:
        raise BadInput(
            f"{objects.url} is written to where it is, so that no copy goes there any more: "
            f"`bt-lake --lake {objects.url} merge` takes this one into it, or name another prefix"
        )


def _copies_under_way(objects: Objects, there: Iterable[str], owner: str) -> bool:
    """What copies that were killed have left is removed."""
    left = []
    if copies := [name for name in there if name.startswith(_COPYING)]:
        now = objects.touch(owner)
        for name in copies:
            with contextlib.suppress(FileNotFoundError):
                left.append((now - objects.changed_at(name), name))
    objects.remove([name for age, name in left if age > _STALE_S])
    return any(age <= _STALE_S for age, _ in left)
