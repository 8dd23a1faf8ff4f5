"""A lake again from a backup."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from bt_lake.warehouse.copies import (
    Copied,
    Progress,
    copy_file,
    digest_of,
    folder_of,
    listed,
    newest,
    write_text,
)
from bt_lake.warehouse.errors import BadInput, Damaged
from bt_lake.warehouse.files import explained, fsync_folder, make_folder, step
from bt_lake.warehouse.layout import Layout, card_text


def recover(
    source: str | os.PathLike[str], layout: Layout, *, progress: Progress | None = None
) -> Copied:
    """Make the lake again from its newest backup, or from the one that is named."""
    origin = newest(folder_of(source))
    files = listed(origin)
    marker = layout.root / "restoring.json"
    _check_empty(layout, marker, origin)
    total, done, reused = sum(each.bytes for each in files), 0, 0
    with explained(f"cannot restore to {layout.root}"):
        make_folder(layout.root)
        write_text(marker, json.dumps({"from": str(origin)}) + "\n")
        for count, each in enumerate(files, 1):
            final = layout.root / each.path
            make_folder(final.parent)
            if each.path == "lake.json":
                continue  # the last: a folder that has it is a whole lake
            if final.is_file() and digest_of(final) == each.digest:
                reused += 1
            elif copy_file(_whole(origin / each.path), final) != each.digest:
                final.unlink()
                raise Damaged(
                    f"{origin / each.path} is not what was backed up: the copy has rotted. "
                    "Restore an earlier backup, or take the file from another copy."
                )
            done += each.bytes
            if progress:
                progress(done, total, count)
            step("recover.copied")
        for folder in layout.folders:
            make_folder(folder)
        for parent, _, _ in os.walk(layout.root):
            fsync_folder(parent)
        write_text(layout.card, card_text(_restored(origin)))
        marker.unlink()
        fsync_folder(layout.root)
    return Copied(layout.root, len(files), done, reused)


def _restored(origin: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((origin / "lake.json").read_bytes())
    made = card.pop("backup", {})
    return card | {"restored": {"from": str(origin), "of": made.get("at")}}


def _whole(path: Path) -> Path:
    if path.is_file():
        return path
    raise Damaged(
        f"{path} is missing in the backup. Restore an earlier backup, or take the file from "
        "another copy."
    )


def _check_empty(layout: Layout, marker: Path, origin: Path) -> None:
    if layout.exists:
        raise BadInput(
            f"there is a lake at {layout.root}; a restore goes into an empty folder only. "
            f"`bt-lake merge {origin}` takes in what the lake does not have."
        )
    if not layout.root.is_dir() or not any(os.scandir(layout.root)):
        return
    begun = json.loads(marker.read_bytes()).get("from") if marker.is_file() else None
    if begun != str(origin):
        raise BadInput(f"{layout.root} has other files in it; a restore goes into an empty folder")
