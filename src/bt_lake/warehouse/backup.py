"""Backups: each a whole lake of its own in a folder, of which like files are one file on disk.

    BACKUPS/
      backups.json                  whose backups these are
      000001-20261128T120000Z/      a lake, with a list of its files and their digests
      _stage/                       the backup that is under way; the next one goes on with it

While it runs, its files have a second name in the lake's `_stage`: whatever others fold away
meanwhile is still there to be copied, however long that takes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from bt_lake.warehouse import digest, log
from bt_lake.warehouse.copies import (
    CARD,
    FILES,
    Copied,
    Listed,
    Progress,
    backups,
    copy_file,
    digest_of,
    files_below,
    folder_of,
    listed,
    number_of,
    write_text,
)
from bt_lake.warehouse.database import Database
from bt_lake.warehouse.errors import BadInput, Conflict, Damaged
from bt_lake.warehouse.files import explained, fsync_folder, make_folder, step
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.layout import Layout, card_text
from bt_lake.warehouse.locks import locked
from bt_lake.warehouse.paths import named
from bt_lake.warehouse.schema import TABLES

_UNDERWAY = "_stage/underway"
_TRIES = 50
# A hold this old is of a backup that was killed.
_HOLD_S = 2 * 86_400


def backup(
    layout: Layout,
    target: str | os.PathLike[str],
    *,
    keep: int | None = None,
    verify: bool = False,
    progress: Progress | None = None,
) -> Copied:
    """Copy the lake as it is now.

    `keep` is how many backups stay; `verify` reads the copies of earlier ones, too.
    """
    layout.check_format()
    root = folder_of(target)
    _check_place(layout, root)
    with explained(f"cannot back up to {root}"):
        make_folder(root)
        _claim(layout, root)
        with locked(Layout(root, wait_s=layout.wait_s), "backup"):
            return _Backup(layout, root, verify, progress).run(keep)


def _check_place(layout: Layout, root: Path) -> None:
    lake, there = layout.root.resolve(), root.resolve()
    if there == lake or there.is_relative_to(lake) or lake.is_relative_to(there):
        raise BadInput(f"{root} and the lake are one folder, or one is in the other")
    if (root / "lake.json").is_file():
        raise BadInput(
            f"{root} is a lake. Backups need a folder of their own; `bt-lake merge` takes one lake "
            "into another."
        )
    if root.is_dir() and not (root / CARD).is_file() and any(os.scandir(root)):
        raise BadInput(f"{root} has other files in it: name an empty folder, or a new one")


def _claim(layout: Layout, root: Path) -> None:
    lake_id = layout.read_card().lake_id
    card = {"backups_of": lake_id, "lake": str(layout.root)}
    with Folders(root) as folders:
        folders.make_folder("_stage")
        staged = f"_stage/{uuid7().hex}.text"
        folders.write(staged, (json.dumps(card, indent=2) + "\n").encode())
        with contextlib.suppress(FileExistsError):
            folders.publish(staged, CARD)
        folders.remove(staged)
        folders.flush_folder("")
    owner = json.loads((root / CARD).read_bytes())
    if owner.get("backups_of") != lake_id:
        raise BadInput(
            f"{root} has the backups of another lake ({owner.get('lake')}). Name another folder."
        )


class _Backup:
    def __init__(self, layout: Layout, root: Path, verify: bool, progress: Progress | None) -> None:
        self._layout = layout
        self._root = root
        self._verify = verify
        self._progress = progress
        self._underway = root / _UNDERWAY
        self._before: dict[str, Listed] = {}
        self._previous: Path | None = None
        self._files: dict[str, Listed] = {}
        self._bytes = self._reused = self._done = self._total = 0
        self._mended: list[str] = []

    def run(self, keep: int | None) -> Copied:
        earlier = backups(self._root)
        if earlier:
            self._previous = earlier[-1]
            self._before = {each.path: each for each in listed(self._previous)}
        make_folder(self._underway)
        for _ in range(_TRIES):
            with held(self._layout) as snapshot:
                try:
                    self._copy(snapshot)
                except FileNotFoundError:
                    # Could not be held, and was folded away meanwhile: what is copied is reused.
                    continue
                break
        else:
            raise Conflict(
                f"{self._layout.root} changed faster than it could be copied. Try again."
            )
        final = self._finish(1 + (number_of(earlier[-1]) if earlier else 0), snapshot.state.epoch)
        pruned = _prune(self._root, keep) if keep else []
        return Copied(final, len(self._files), self._bytes, self._reused, self._mended, pruned)

    def _copy(self, snapshot: _Snapshot) -> None:
        self._files.clear()
        self._done, self._reused = 0, 0
        self._total = sum(snapshot.sizes.values())
        self._drop_others(set(snapshot.sizes))
        for path in snapshot.sizes:
            self._files[path] = self._one(path, snapshot)
            self._done += self._files[path].bytes
            if self._progress:
                self._progress(self._done, self._total, len(self._files))
            step("backup.copied")

    def _drop_others(self, wanted: set[str]) -> None:
        """Of a try that did not come to its end: what is no longer of the lake."""
        for path in list(files_below(self._underway)):
            if path not in wanted:
                os.unlink(self._underway / path)

    def _one(self, path: str, snapshot: _Snapshot) -> Listed:
        """A file of the lake in the new backup: the earlier backup's, or a copy."""
        final = self._underway / path
        make_folder(final.parent)
        size = snapshot.sizes[path]
        known = self._before.get(path)
        if known is not None and known.bytes == size and self._previous is not None:
            if self._reuse(self._previous / path, final, known):
                self._reused += 1
                return known
            self._mended.append(path)
        source = snapshot.place(path)
        if final.is_file() and final.stat().st_size == size:
            digest = digest_of(source)
            if digest_of(final) == digest:
                self._reused += 1
                return Listed(path, size, digest)
        self._bytes += size
        copy = Listed(path, size, copy_file(source, final))
        self._check_origin(copy, snapshot)
        return copy

    def _check_origin(self, copy: Listed, snapshot: _Snapshot) -> None:
        """Copy nothing that has rotted in the lake: the earlier backup may have it whole."""
        written = snapshot.digests.get(copy.path)
        if written is not None and written != copy.digest:
            raise Damaged(
                f"{self._layout.root / copy.path} is not what was written: it has rotted in the "
                "lake. Nothing was backed up; `bt-lake check --deep` tells more."
            )

    def _reuse(self, earlier: Path, final: Path, known: Listed) -> bool:
        """Whether the earlier copy is as it was made; it gets a second name."""
        try:
            whole = earlier.stat().st_size == known.bytes
        except FileNotFoundError:
            whole = False
        if not whole or (self._verify and digest_of(earlier) != known.digest):
            return False
        if final.exists() and os.path.samefile(final, earlier):
            return True
        with contextlib.suppress(FileNotFoundError):
            os.unlink(final)
        try:
            os.link(earlier, final)
        except OSError:
            return copy_file(earlier, final) == known.digest
        return True

    def _finish(self, number: int, epoch: int) -> Path:
        at = datetime.now(UTC)
        card = json.loads((self._underway / "lake.json").read_bytes())
        card["backup"] = {"of": str(self._layout.root), "at": at.isoformat(timespec="seconds")}
        text = card_text(card)
        write_text(self._underway / "lake.json", text)
        self._files["lake.json"] = Listed(
            "lake.json", len(text.encode()), digest.digest_of(text.encode())
        )
        files = [
            {"path": each.path, "bytes": each.bytes, "digest": each.digest}
            for _, each in sorted(self._files.items())
        ]
        write_text(self._underway / FILES, json.dumps({"epoch": epoch, "files": files}))
        for parent, _, _ in os.walk(self._underway):
            fsync_folder(parent)
        final = self._root / f"{number:06d}-{at:%Y%m%dT%H%M%SZ}"
        step("backup.before_name")
        os.rename(self._underway, final)
        fsync_folder(self._root)
        return final


@dataclass
class _Snapshot:
    """The lake at one moment: its files with their sizes, and where each can be read."""

    layout: Layout
    state: log.State
    sizes: dict[str, int]
    hold: str

    @cached_property
    def digests(self) -> dict[str, str | None]:
        """Of the files that maintenance wrote, as the log has them."""
        return {add.path: add.digest for add in self.state.adds}

    def place(self, path: str) -> Path:
        held = self.layout.root / self.hold / path.replace("/", "+")
        return held if held.is_file() else self.layout.root / path


@contextlib.contextmanager
def held(layout: Layout) -> Iterator[_Snapshot]:
    """A snapshot whose files stay until the caller is done with them."""
    hold = f"_stage/hold-{uuid7().hex}"
    with contextlib.ExitStack() as stack, Folders(layout.root) as folders:
        writable = os.access(layout.stage, os.W_OK | os.X_OK)
        if writable:
            # Of backups that were killed; whoever is still at work goes on without.
            for entry in os.scandir(layout.stage):
                if entry.name.startswith("hold-") and _is_old(entry):
                    with contextlib.suppress(OSError):
                        folders.remove_tree(f"_stage/{entry.name}")
            folders.make_folder(hold)
            stack.callback(_let_go, layout, hold)
        missing = ""
        for _ in range(_TRIES):
            sizes = {}
            try:
                state, paths = _live(layout)
                for path in paths:
                    if writable:
                        _hold(folders, path, f"{hold}/{path.replace('/', '+')}")
                    sizes[path] = (layout.root / path).stat().st_size
            except FileNotFoundError as error:
                # Folded away meanwhile; what is named again after a second look is lost.
                if missing == str(error.filename):
                    raise Damaged(
                        f"{missing} is not there, and the lake needs it: nothing was backed up. "
                        "`bt-lake check` says what to do."
                    ) from None
                missing = str(error.filename)
                continue
            break
        else:
            raise Conflict(f"{layout.root} changed again and again while it was listed. Try again.")
        step("backup.held")
        yield _Snapshot(layout, state, sizes, hold)


def _hold(folders: Folders, path: str, second: str) -> None:
    try:
        folders.link(path, second)
    except FileNotFoundError:
        raise
    except OSError:
        pass  # another's file, or no hard links here: it is copied again if it vanishes


def _let_go(layout: Layout, hold: str) -> None:
    with contextlib.suppress(FileNotFoundError), Folders(layout.root) as folders:
        folders.remove_tree(hold)


def _is_old(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):
        return time.time() - entry.stat().st_mtime > _HOLD_S
    return False


def _live(layout: Layout) -> tuple[log.State, list[str]]:
    """The newest state and everything that a copy of the lake needs."""
    database = Database(layout, views=False)
    try:
        paths = database.connection.execute("select path from lake_files order by path").fetchall()
        log_file = database.log_file
    finally:
        database.connection.close()
    around = [f"_log/{log_file.name}", *(f"_seed/{table}.parquet" for table in TABLES)]
    around += [name for name in ("lake.sql",) if (layout.root / name).is_file()]
    return log.read(log_file), [*(named(row[0]) for row in paths), *around, "lake.json"]


def _prune(root: Path, keep: int) -> list[str]:
    """Remove the oldest backups; what they share with others stays."""
    gone = backups(root)[:-keep]
    for old in gone:
        away = root / "_stage" / f"{old.name}-{uuid7().hex[-8:]}.old"
        os.rename(old, away)
    fsync_folder(root)
    for name in os.listdir(root / "_stage"):
        if name.endswith(".old"):
            shutil.rmtree(root / "_stage" / name, ignore_errors=True)
    return [old.name for old in gone]
