"""The folders of a lake in an object store: what gets or loses a name does so there first.

The files are staged in the folder that stands for the lake (`mirror.py`), and stay there for its
readers. That is a convenience: what is in the store counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bt_lake.warehouse.errors import CannotWrite, LakeError, Unconfirmed
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.objects import AT_ONCE, Objects, Unanswered
from bt_lake.warehouse.paths import data_file


class FarFolders(Folders):
    """`unsure` are names that were asked for without an answer: they may appear yet."""

    def __init__(self, root: Path, objects: Objects, unsure: set[str]) -> None:
        super().__init__(root)
        self._objects = objects
        self._unsure = unsure
        self._made: set[str] = set()
        self._gone: set[str] = set()

    def publish(self, staged: str, final: str) -> None:
        data = self.path(staged).read_bytes()
        self._unsure.add(final)  # should this be stopped in the middle
        try:
            self._objects.create(final, data)
        except Unanswered as error:
            if not _counts(final):
                raise CannotWrite(f"nothing was saved: {error}") from None
            raise self._unconfirmed(str(error)) from None
        except (FileExistsError, CannotWrite):
            self._unsure.discard(final)
            raise
        self._made.add(final)
        self._unsure.discard(final)
        with contextlib.suppress(OSError, LakeError):  # the next look brings it
            super().publish(staged, final)

    def publish_all(
        self, pairs: Sequence[tuple[str, str]], each: Callable[[], None] = lambda: None
    ) -> None:
        """Each waits for its answer far longer than for anything else."""
        if len(pairs) < 2:
            super().publish_all(pairs, each)
            return
        with ThreadPoolExecutor(min(len(pairs), AT_ONCE)) as pool:
            for _ in pool.map(lambda pair: self.publish(*pair), pairs):
                each()

    def exists(self, name: str) -> bool:
        """Whether we made it; no request is needed to know."""
        if name in self._unsure:
            raise self._unconfirmed("it was stopped in the middle")
        return name in self._made

    def remove(self, name: str) -> bool:
        if not name.startswith("_stage/") and name not in self._gone:
            self._objects.remove([name])
        return super().remove(name)

    def remove_far(self, names: Sequence[str]) -> None:
        if names:
            self._objects.remove(names)
            self._gone.update(names)

    def flush_folders(self, names: Iterable[str]) -> None:
        """What the store has acknowledged is durable."""

    def _unconfirmed(self, why: str) -> Unconfirmed:
        return Unconfirmed(
            f"{self._objects.url}: this may or may not have been saved ({why}). Look for it with "
            "`bt-lake list` before you save it again."
        )


def _counts(name: str) -> bool:
    """Whether a name is the last of an act: whoever has it has done what he wanted."""
    file = data_file(name)
    return name.startswith("_log/") or bool(
        file and file.commit and file.table in ("runs", "events")
    )
