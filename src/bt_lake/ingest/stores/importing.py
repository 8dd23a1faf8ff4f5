"""Import: the rows of an older store -> runs in the lake, each once."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bt_lake.ingest.assemble import frames_of
from bt_lake.ingest.formats.rows import typed
from bt_lake.ingest.gathering import Gathered, gather
from bt_lake.ingest.run import Run
from bt_lake.ingest.sealing import sealed
from bt_lake.ingest.stores import planning, versions
from bt_lake.ingest.stores.building import UNFINISHED, drafts, run_of
from bt_lake.ingest.stores.draft import Draft, kept
from bt_lake.ingest.stores.identity import run_ids
from bt_lake.ingest.stores.mapping import METRICS
from bt_lake.ingest.stores.planning import Given, landings, make
from bt_lake.ingest.stores.report import ImportReport, Unread
from bt_lake.ingest.stores.rowunits import is_none, standing_out
from bt_lake.ingest.stores.source import Rows, Source
from bt_lake.ingest.stores.survey import look
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.store import Store

# Rows done, rows in all, and the report so far.
Progress = Callable[[int, int, ImportReport], None]
_ROUNDS = 8  # a run may hold several values that no run can have
_SAMPLE = 5
_WHOLE = {"params", "config", "extra", "reported", "tags"}  # compared member by member


def import_rows(
    store: Store,
    source: Source,
    *,
    names: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    set_columns: Mapping[str, Any] | None = None,
    values: Mapping[str, str] | None = None,
    strict: bool = False,
    update: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Take in the runs of an older store; what is in the lake already is skipped.

    `names` maps their columns to ours, `units` says percent, fraction or money of a column,
    `values` what a value means, as {"status.timeout": "failed"}, and `set_columns` override what
    the rows say. With `update`, rows that were changed since become new versions of their runs.
    With `strict`, a value that cannot be read costs its whole row.
    """
    given = Given(names or {}, units or {}, typed(set_columns or {}), values or {}, strict)
    return _Import(store, source, given, update=update, dry_run=dry_run).run(progress)


class _Import:
    """One import under way."""

    def __init__(
        self, store: Store, source: Source, given: Given, *, update: bool, dry_run: bool
    ) -> None:
        self._store = store
        self._source = source
        self._update = update
        self._dry_run = dry_run
        names = given.names
        self._objects = {*METRICS} - names.keys() | {n for n, o in names.items() if o == "metrics"}
        self._seen: dict[str, str] = {}  # run id -> what its row is called
        self._unnamed = 0  # runs whose strategy the store does not name
        self._conflicts: Counter[str] = Counter()
        self._proved: Counter[tuple[str, str]] = Counter()
        self._row = 0
        self._any_before = versions.any_of_kind(store, source.kind)
        survey = look(source, names, self._objects)
        self._plan = make(source, survey, given, self._known_any)
        self._unfinished = self._plan.theirs("status")
        self._odd = {
            name: standing_out(self._plan.target(name).root, decision.unit, survey.values[name])
            for name, decision in self._plan.decisions.items()
        }
        self.report = ImportReport(
            source.name,
            source.table,
            survey.rows,
            landings(self._plan, survey, source),
            warnings=list(planning.warnings(self._plan, survey, source)),
        )

    def _known_any(self, ids: set[str]) -> bool:
        return self._store.layout.exists and bool(self._store.known(ids))

    def run(self, progress: Progress | None) -> ImportReport:
        done = 0
        try:
            for rows in self._source.batches():
                self._take(rows)
                done += len(rows)
                self._row = done
                if progress:
                    progress(done, max(self.report.rows, done), self.report)
        except KeyboardInterrupt as stop:
            stop.add_note(f"{len(self.report.added):,} runs are in, the rest is not")
            raise
        lost = self._source.lost
        self.report.failed += lost.rows
        self.report.cells += lost.cells
        self.report.repeated += lost.repeated
        self.report.warnings += [*self._source.remarks, *self._findings()]
        return self.report

    def _findings(self) -> list[str]:
        """What was seen of the rows that nobody may have known of the store."""
        found = []
        for (name, unit), count in self._proved.items():
            found.append(
                f"{name}: {count:,} rows are in another unit than the rest, a {unit} as other "
                "columns of the same rows prove; they are taken so"
            )
        for name, count in self._conflicts.items():
            chosen = self._plan.fills[name]
            found.append(
                f"{name} says otherwise than {chosen} in {count:,} rows: {chosen} is taken, "
                "the other kept in extra"
            )
        if doubtful := self.report.doubtful:
            shown = ", ".join(f"{d.row} ({d.column} {d.reason})" for d in doubtful[:_SAMPLE])
            found.append(
                f"{len(doubtful):,} values stand out a hundredfold from their column, and nothing "
                f"proves their unit: {shown}"
            )
        if self._unnamed:
            rows = (
                "1 row does not name its"
                if self._unnamed == 1
                else (f"{self._unnamed:,} rows do not name their")
            )
            found.append(
                f"{rows} strategy: it is "
                f"'{self._plan.strategy}' now; importing again with --set strategy=NAME says better"
            )
        return found

    def _take(self, rows: Rows) -> None:
        ids = run_ids(rows, self._source, self._plan.own)
        there = self._there(ids)
        labels = dict(zip(ids, rows.labels, strict=True))
        new, old = self._parted(rows, ids, there)
        made = self._made(rows, ids, self._finished(rows, new))
        if made is not None:
            before = self._predecessors(rows, ids, made)
            self._commit(made.only(set(labels) - before.keys()) if before else made)
            if before:
                self.report.skipped += before
                self._compare(made.only(set(before)), before, labels)
        if old and (self._update or self._plan.columns):
            known = self._made(rows, ids, self._finished(rows, old))
            if known is not None:
                gone = versions.without_live(self._store, known.runs["run_id"].to_pylist())
                before = self._predecessors(rows, ids, known.only(gone)) if gone else {}
                self._compare(known, before, labels)

    def _predecessors(self, rows: Rows, ids: Sequence[str], frames: Frames) -> dict[str, str]:
        """Of runs whose ids are new: those that the lake has of the same rows."""
        if not (self._any_before and self._source.key):
            return {}
        keyed = dict(zip(ids, run_ids(rows, self._source, None), strict=True))
        dated = "created_at" in self._plan.roots
        return versions.predecessors(self._store, self._source, frames, keyed, dated=dated)

    def _made(self, rows: Rows, ids: Sequence[str], places: Sequence[int]) -> Frames | None:
        """The runs of some rows, without those that cannot be read."""
        made: list[Run] = []
        good: list[int] = []
        for place, draft in zip(
            places, drafts(rows, self._objects, places, self._plan), strict=True
        ):
            self._note(rows, place, draft)
            if draft.fault is None:
                made.append(run_of(draft, self._plan))
                self._unnamed += made[-1].strategy is self._plan.strategy
                good.append(place)
        if not made:
            return None
        gathered, bad = self._gathered(rows, made, good)
        taken = [ids[place] for number, place in enumerate(good) if number not in bad]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "max_drawdown ")  # it is listed with its row
            return frames_of(sealed(self._store, gathered), taken) if taken else None

    def _note(self, rows: Rows, place: int, draft: Draft) -> None:
        if draft.fault:
            self.report.failed.append(self._unread(rows, place, *draft.fault))
            return
        self.report.cells += [self._unread(rows, place, *cell) for cell in draft.cells]
        self._conflicts.update(draft.conflicts)
        self._proved.update((name, str(unit)) for name, unit in draft.proved)
        certain = {name for name, _ in draft.proved}
        for root, (name, value) in draft.fractions.items():
            if self._row + place not in self._odd[name] or name in certain:
                continue
            unit = self._plan.decisions[name].unit
            if is_none(root, unit, value):
                draft.leave_out(root, name, value)
                reason = f"{value:g} is none as a {unit}, which most of the column is"
                self.report.cells.append(self._unread(rows, place, name, reason))
            else:
                self.report.doubtful.append(self._unread(rows, place, name, f"{value:g}"))

    def _gathered(
        self, rows: Rows, made: list[Run], good: Sequence[int]
    ) -> tuple[Gathered, dict[int, str]]:
        """Validate; a value that no run can have is left out, and not its run."""
        for _ in range(1 if self._plan.strict else _ROUNDS):
            bad: dict[int, str] = {}
            gathered = gather(made, bad)
            mended = [
                self._leave_out(rows, good[number], made[number], reason)
                for number, reason in bad.items()
                if not self._plan.strict
            ]
            if not any(mended):
                break
        for number in sorted(bad):
            self.report.failed.append(self._unread(rows, good[number], *self._blamed(bad[number])))
        return gathered, bad

    def _leave_out(self, rows: Rows, place: int, run: Run, reason: str) -> bool:
        column, why = self._blamed(reason)
        ours = re.split(r"\W", reason, maxsplit=1)[0]
        value: Any = None
        if run.metrics and ours in run.metrics:
            value = run.metrics[ours]
            run.metrics = {name: v for name, v in run.metrics.items() if name != ours}
        elif ours in ("equity", "trades") and getattr(run, ours) is not None:
            setattr(run, ours, None)
        elif run.columns.get(ours) is not None:
            value = run.columns.pop(ours)
        else:
            return False
        self.report.cells.append(self._unread(rows, place, column, why))
        if value is not None:
            config = dict(run.config or {})
            run.config = {**config, "imported": {**config["imported"], ours: kept(value)}}
        return True

    def _commit(self, frames: Frames) -> None:
        if self._dry_run:
            self.report.added += frames.runs["run_id"].to_pylist()
        elif len(frames.runs):
            appended = self._store.append_new(frames)
            self.report.added += appended.added
            self.report.skipped += appended.already

    def _there(self, ids: list[str]) -> set[str]:
        return self._store.known(ids) if self._store.layout.exists else set()

    def _parted(self, rows: Rows, ids: list[str], there: set[str]) -> tuple[list[int], list[int]]:
        """The places of runs that are not in the lake and of those that are, each once."""
        new: list[int] = []
        old: list[int] = []
        for place, run_id in enumerate(ids):
            if run_id in self._seen:
                self._repeated(rows, place, run_id)
                continue
            self._seen[run_id] = rows.labels[place]
            if run_id in there:
                self.report.skipped.append(run_id)
                old.append(place)
            else:
                new.append(place)
        return new, old

    def _repeated(self, rows: Rows, place: int, run_id: str) -> None:
        if not self._source.key and self._plan.own is None:
            self.report.skipped.append(run_id)  # a warning says that equal rows are one run
            return
        column = self._plan.own_ids or ", ".join(self._source.key)
        reason = f"the run of {self._seen[run_id]} again; a run is taken once"
        self.report.repeated.append(self._unread(rows, place, column, reason))

    def _finished(self, rows: Rows, places: list[int]) -> list[int]:
        """Without runs that still go on: the next import takes them as they ended."""
        states = rows.columns.get(self._unfinished)
        if states is None:
            return places
        ended = [p for p in places if str(states[p]).strip().lower() not in UNFINISHED]
        self.report.unfinished += len(places) - len(ended)
        return ended

    def _compare(
        self, frames: Frames, before: Mapping[str, str], labels: Mapping[str, str]
    ) -> None:
        """Runs that the lake has with other values: say so; where asked, write new versions."""
        chosen = set(self._plan.columns)
        only = chosen
        if self._update or before:
            only = self._plan.roots | _WHOLE | chosen
        found = versions.changes(self._store, frames, before, only)
        self.report.changed += [
            Unread(self._source.table, labels[change.run_id], change.column, change.words)
            for change in found.changes
        ]
        asked = self._update or any(
            change.column.partition(".")[0] in chosen for change in found.changes
        )
        if asked and found.changes and not self._dry_run:
            self.report.updated += versions.write(self._store, found)

    def _unread(self, rows: Rows, place: int, column: str, reason: str) -> Unread:
        return Unread(self._source.table, rows.labels[place], column, reason)

    def _blamed(self, reason: str) -> tuple[str, str]:
        """The store's own name for the column that a reason begins with."""
        ours = re.split(r"\W", reason, maxsplit=1)[0]
        return self._plan.theirs(ours), reason.removeprefix(f"{ours}: ")
