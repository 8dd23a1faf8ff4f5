"""A copy of a lake made of second names of its files, to try a repair on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from bt_lake.warehouse.files import explained
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.layout import Layout


@contextlib.contextmanager
def rehearsal(layout: Layout) -> Iterator[Layout]:
    """Published files never change, so what is done to the copy is not done to the lake."""
    name = f"_stage/plan-{os.getpid()}-{uuid7().hex}"
    with (
        explained(f"a repair of {layout.root} cannot be tried without doing it"),
        Folders(layout.root) as folders,
    ):
        try:
            folders.make_folder("_stage")
            folders.make_folder(name)
            _link_all(layout.root, layout.root / name)
            yield Layout(layout.root / name, wait_s=layout.wait_s)
        finally:
            with contextlib.suppress(FileNotFoundError):
                folders.remove_tree(name)


def _link_all(source: Path, target: Path) -> None:
    for entry in os.scandir(source):
        other = target / entry.name
        if entry.name.startswith(("plan-", "hold-")) or entry.name.endswith(".lock"):
            continue
        if entry.is_dir(follow_symlinks=False):
            other.mkdir()
            _link_all(source / entry.name, other)
        elif entry.is_symlink():
            other.symlink_to(os.readlink(entry.path))
        else:
            _link(entry.path, other)


def _link(path: str, other: Path) -> None:
    import shutil

    try:
        os.link(path, other)
    except FileNotFoundError:  # removed meanwhile
        return
    except OSError:  # no hard links here, or not of the files of others
        shutil.copy2(path, other)
