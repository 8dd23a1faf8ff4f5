"""Ingest: files of any known format -> runs in the lake, each once."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest.assemble import frames_of
from bt_lake.ingest.formats import documents, reader
from bt_lake.ingest.formats.beside import is_beside
from bt_lake.ingest.formats.reading import lines_of
from bt_lake.ingest.formats.rows import typed
from bt_lake.ingest.gathering import gather
from bt_lake.ingest.identity import Failures, content_ids, run_ids
from bt_lake.ingest.report import BadRow, IngestReport, IngestStopped
from bt_lake.ingest.run import Run
from bt_lake.ingest.sealing import sealed
from bt_lake.ingest.settling import LAST_LINE_HAS_NO_END, has_a_writer, is_cut, is_table
from bt_lake.ingest.sheets import hints as hinted
from bt_lake.ingest.sheets.hints import Hints
from bt_lake.ingest.spool import Spool
from bt_lake.ingest.waiting import Item, Waiting
from bt_lake.ingest.walk import Source, sources
from bt_lake.warehouse.errors import BadInput, LakeError, UnknownName
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.known import Appended
from bt_lake.warehouse.merge import Merged, parts
from bt_lake.warehouse.store import Store

_TEXT = (".csv", ".tsv", ".txt")
_LISTS = "; a list of trades is read with --trades, a column of returns with --returns"
# Bytes done, bytes in all, and the report so far.
Progress = Callable[[int, int, IngestReport], None]


def ingest(store: Store, paths: Iterable[str | os.PathLike[str]], **options: Any) -> IngestReport:
    """Read files, folders, other lakes and `-` (stdin); what is in the lake already is skipped.

    The options are those of `ingest_sources`.
    """
    return ingest_sources(store, sources(paths, store.path), **options)


def ingest_sources(
    store: Store,
    files: Sequence[Source],
    *,
    set_columns: Mapping[str, Any] | None = None,
    on_error: Literal["stop", "skip"] = "stop",
    unique: bool = False,
    dry_run: bool = False,
    hints: Hints = hinted.NONE,
    progress: Progress | None = None,
) -> IngestReport:
    """Take in the runs of these files.

    A bad file stops the ingest with nothing of it added, or with `on_error="skip"` its bad runs
    are listed in the report. `set_columns` override what the files say, `hints` tell what they
    leave open.
    """
    if on_error not in ("stop", "skip"):
        raise BadInput(f"on_error is 'stop' or 'skip', not {on_error!r}")
    columns = typed(set_columns or {})
    hints = replace(hints, columns=columns)
    job = _Ingest(store, columns, hints, on_error == "skip", unique, dry_run, progress)
    return job.run(files)


class _Ingest:
    """One ingest under way.

    Runs wait in `current` until their file has been read to its end, then in `pending` until
    there are enough for a commit. The runs of a longer file wait on disk, so that nothing of it
    is in when its last line is bad; where bad runs are skipped nothing needs to wait.
    """

    def __init__(
        self,
        store: Store,
        set_columns: Mapping[str, Any],
        hints: Hints,
        skip: bool,
        unique: bool,
        dry_run: bool,
        progress: Progress | None,
    ) -> None:
        self._store = store
        self._set = set_columns
        self._hints = hints
        self._skip = skip
        self._unique = unique
        self._dry_run = dry_run
        self._progress = progress
        self._pending = Waiting()
        self._current = Waiting()
        self._spool: Spool | None = None
        self._places: dict[str, BadRow] = {}
        self._previews: set[str] = set()
        self._failures = Failures()
        self._done = self._total = 0
        self.report = IngestReport()

    def run(self, files: Sequence[Source]) -> IngestReport:
        self.report.of_files = len(files)
        self._total = sum(source.size for source in files)
        try:
            with _rare_collections():
                self._take_all(files)
        except KeyboardInterrupt as stop:
            stop.add_note(f"{len(self.report.added):,} runs are in, the rest is not")
            raise
        finally:
            self._close_spool()
        return self.report

    def _take_all(self, files: Sequence[Source]) -> None:
        for source in files:
            self._take(source)
            self.report.files += 1
            self._done += source.size
            self._tell()
        self._commit(self._assembled(self._pending.take()))

    def _take(self, source: Source) -> None:
        for found in self._found(source):
            if isinstance(found, BadRow):
                self._fail(found)
            elif isinstance(found, Frames):
                self._commit(found, of_lake=True)
            else:
                self._current.add(found.with_columns(self._set) if self._set else found, source)
                if self._current.full:
                    self._make_room(found.position or 0)
        self._end_file()

    def _found(self, source: Source) -> Iterator[Run | BadRow | Frames]:
        """What a file holds; the error that ends its reading is its last bad row."""
        try:
            yield from self._reader(source)
        except LakeError as error:
            path = str(source.path)
            yield BadRow(path, None, str(error).removeprefix(f"{path}: "))

    def _reader(self, source: Source) -> Iterable[Run | BadRow | Frames]:
        if source.is_stdin:
            return documents.read_lines(lines_of(sys.stdin.buffer, "stdin"), "stdin", Path())
        if source.is_lake:
            if self._set:
                raise BadInput("the runs of a lake are taken as they are; columns cannot be set")
            return self._of_lake(source.path)
        if is_beside(source.path):
            return ()
        found = reader(source.path, self._hints)
        if found is not None:
            return () if self._is_unfinished(source) else found
        if source.named:
            raise BadInput(
                "not a result that bt-lake knows: no run document, no table of runs, no lake, "
                f"and not of a known engine{_LISTS if source.path.suffix in _TEXT else ''}"
            )
        self.report.ignored.append(str(source.path))
        return ()

    def _of_lake(self, folder: Path) -> Iterator[Frames]:
        """What another lake has and this one has not; of runs that are here, what they lack."""
        merged = Merged()
        yield from parts(self._store, folder, merged, dry_run=self._dry_run)
        self.report.skipped += merged.already
        self.report.curves += merged.curves
        self.report.trades += merged.trades
        self.report.events += merged.events

    def _is_unfinished(self, source: Source) -> bool:
        """Whether a file found in a folder has no end yet; a table's may be cut in a number."""
        if source.named or not is_cut(source.path):
            return False
        if has_a_writer(source.path):
            self.report.held_back.append(str(source.path))
            return True
        if is_table(source.path):
            raise BadInput(LAST_LINE_HAS_NO_END)
        return False

    def _fail(self, bad: BadRow) -> None:
        if not self._skip:
            raise IngestStopped(bad, self.report)
        self.report.failed.append(bad)

    def _make_room(self, position: int) -> None:
        """The file is longer than a commit."""
        if self._skip or self._dry_run:
            self._current.move_to(self._pending)
            self._commit(self._assembled(self._pending.take()))
        else:
            if self._spool is None:
                stage = self._store.layout.stage
                self._spool = Spool(stage if stage.is_dir() else None)
            frames = self._assembled(self._current.take())
            if frames is not None:
                self._spool.put(frames)
        self._tell(position)

    def _end_file(self) -> None:
        self._current.move_to(self._pending)
        if self._spool is None and not self._pending.full:
            return
        rest = self._assembled(self._pending.take())
        for frames in self._spool.take_all() if self._spool else ():
            self._commit(frames)
        self._close_spool()
        self._commit(rest)

    def _close_spool(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _assembled(self, items: list[Item]) -> Frames | None:
        """Frames of the good runs; the bad ones are told, repeated ones left out."""
        bad: dict[int, str] = {}
        gathered = gather([item.run for item in items], bad)
        for place in sorted(bad):
            self._fail(items[place].bad(bad[place]))
        items = [item for place, item in enumerate(items) if place not in bad]
        if not items:
            return None
        ids = run_ids(gathered)
        if not self._unique:
            ids = self._failures.told_apart(gathered, ids)
        kept = sorted({run_id: place for place, run_id in reversed(list(enumerate(ids)))}.values())
        if len(kept) < len(ids):
            self._repeated(items, ids, content_ids(gathered))
            items, ids = [items[place] for place in kept], [ids[place] for place in kept]
            gathered = gather([item.run for item in items])
        if self._unique:
            self._places |= {run_id: item.bad("") for run_id, item in zip(ids, items, strict=True)}
        try:
            gathered = sealed(self._store, gathered)
        except UnknownName:
            raise
        except BadInput:  # of one of these runs: which, and is it to be left out?
            return self._assembled([item for item in items if self._can_be_sealed(item)])
        return frames_of(gathered, ids, made_at=_made_at(items), in_order=True)

    def _can_be_sealed(self, item: Item) -> bool:
        """Whether a run can be cut where its study's holdout begins."""
        try:
            sealed(self._store, gather([item.run]))
        except BadInput as error:
            self._fail(item.bad(str(error)))
            return False
        return True

    def _repeated(self, items: Sequence[Item], ids: Sequence[str], made: Sequence[str]) -> None:
        """Tell the runs that are here already; of one id, there may be one content only."""
        first: dict[str, int] = {}
        for place, run_id in enumerate(ids):
            before = first.setdefault(run_id, place)
            if made[before] != made[place]:
                self._fail(
                    items[place].bad(
                        f"run_id '{run_id}' is that of another run, {items[before].bad('').place}; "
                        "give each run its own, or none"
                    )
                )
            elif before != place:
                self.report.skipped.append(run_id)

    def _commit(self, frames: Frames | None, *, of_lake: bool = False) -> None:
        if frames is None:
            return
        if self._dry_run:
            appended = self._previewed(frames)
        else:
            appended = self._store.append_new(
                frames,
                unique=self._unique,
                all_unique=not self._skip,
                order=list(self._places),
                of_lake=of_lake,
            )
        self.report.added += appended.added
        self.report.skipped += appended.already
        self.report.barer += appended.barer
        order = {run_id: place for place, run_id in enumerate(self._places)}
        for run_id, other in sorted(
            appended.duplicates.items(), key=lambda pair: order.get(pair[0], 0)
        ):
            place = self._places.get(run_id, BadRow(run_id, None, ""))
            beside = self._places.get(other)  # which is not in the lake, if all are refused
            reason = f"the same labels, period and params as {beside.place if beside else other}"
            self._fail(BadRow(place.file, place.row, reason))

    def _previewed(self, frames: Frames) -> Appended:
        """What a commit would do after those that were previewed before it."""
        found = self._store.compared(frames, unique=self._unique, order=list(self._places))
        again = self._previews.intersection(found.added)
        self._previews.update(found.added)
        return Appended(
            added=[run_id for run_id in found.added if run_id not in again],
            already=[*found.already, *again],
            duplicates=found.duplicates,
            barer=found.barer,
        )

    def _tell(self, position: int = 0) -> None:
        if self._progress:
            self._progress(self._done + position, self._total, self.report)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Documents are many containers and no cycles: looking for some costs a tenth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(500_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _made_at(items: Sequence[Item]) -> NDArray[np.int64]:
    """When the files were written; for runs that do not say when they were made."""
    now = time.time_ns()
    stamps = (item.source.modified_ns for item in items)
    return np.array([(now if stamp is None else stamp) // 1000 for stamp in stamps], np.int64)
