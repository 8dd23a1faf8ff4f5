"""Import: the rows of an older store -> runs in the lake, each once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bt_lake.ingest.assemble import frames_of
from bt_lake.ingest.formats.rows import typed
from bt_lake.ingest.gathering import gather
from bt_lake.ingest.run import Run
from bt_lake.ingest.stores.building import UNFINISHED, drafts, run_of
from bt_lake.ingest.stores.identity import run_ids
from bt_lake.ingest.stores.mapping import METRICS
from bt_lake.ingest.stores.planning import landings, make, warnings
from bt_lake.ingest.stores.report import ImportReport, Unread
from bt_lake.ingest.stores.source import Rows, Source
from bt_lake.ingest.stores.survey import look
from bt_lake.warehouse.store import Store

# Rows done, rows in all, and the report so far.
Progress = Callable[[int, int, ImportReport], None]


def import_rows(
    store: Store,
    source: Source,
    *,
    names: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    set_columns: Mapping[str, Any] | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Take in the runs of an older store; what is in the lake already is skipped.

    `names` maps their columns to ours, `units` says percent, fraction or money of a column, and
    `set_columns` override what the rows say.
    """
    job = _Import(store, source, names or {}, units or {}, typed(set_columns or {}), dry_run)
    return job.run(progress)


class _Import:
    """One import under way."""

    def __init__(
        self,
        store: Store,
        source: Source,
        names: Mapping[str, str],
        units: Mapping[str, str],
        columns: Mapping[str, Any],
        dry_run: bool,
    ) -> None:
        self._store = store
        self._source = source
        self._dry_run = dry_run
        self._objects = {*METRICS} - names.keys() | {n for n, o in names.items() if o == "metrics"}
        self._seen: set[str] = set()
        self._unnamed = 0  # runs whose strategy the store does not name
        survey = look(source, names, self._objects)
        self._plan = make(source, survey, names, units, columns)
        self._unfinished = self._plan.theirs("status")
        self.report = ImportReport(
            source.name,
            source.table,
            survey.rows,
            landings(self._plan, survey, source),
            warnings=list(warnings(self._plan, survey, source)),
        )

    def run(self, progress: Progress | None) -> ImportReport:
        done = 0
        try:
            for rows in self._source.batches():
                self._take(rows)
                done += len(rows)
                if progress:
                    progress(done, max(self.report.rows, done), self.report)
        except KeyboardInterrupt as stop:
            stop.add_note(f"{len(self.report.added):,} runs are in, the rest is not")
            raise
        self.report.warnings += self._source.remarks
        if self._unnamed:
            self.report.warnings.append(
                f"{self._unnamed:,} rows do not name their strategy: it is "
                f"'{self._plan.strategy}' now; --set strategy=NAME says better"
            )
        return self.report

    def _take(self, rows: Rows) -> None:
        ids = run_ids(rows, self._source, self._plan.own_ids)
        places = self._finished(rows, self._new(ids))
        if not places:
            return
        made: list[Run] = []
        kept: list[int] = []
        for place, draft in zip(
            places, drafts(rows, self._objects, places, self._plan), strict=True
        ):
            if draft.fault:
                self._fail(rows, place, *draft.fault)
            else:
                made.append(run_of(draft, self._plan))
                self._unnamed += made[-1].strategy is self._plan.strategy
                kept.append(place)
        bad: dict[int, str] = {}
        gathered = gather(made, bad)
        for number in sorted(bad):
            self._fail(rows, kept[number], *self._blamed(bad[number]))
        taken = [ids[place] for number, place in enumerate(kept) if number not in bad]
        if self._dry_run:
            self.report.added += taken
        elif taken:
            appended = self._store.append_new(frames_of(gathered, taken))
            self.report.added += appended.added
            self.report.skipped += appended.already

    def _new(self, ids: list[str]) -> list[int]:
        """The places of ids that are not in the lake; of equal rows the first counts."""
        there = self._store.known(ids) if self._store.layout.exists else set()
        places: list[int] = []
        for place, run_id in enumerate(ids):
            if run_id in there or run_id in self._seen:
                self.report.skipped.append(run_id)
            else:
                self._seen.add(run_id)
                places.append(place)
        return places

    def _finished(self, rows: Rows, places: list[int]) -> list[int]:
        """Without runs that still go on: the next import takes them as they ended."""
        states = rows.columns.get(self._unfinished)
        if states is None:
            return places
        ended = [p for p in places if str(states[p]).strip().lower() not in UNFINISHED]
        self.report.unfinished += len(places) - len(ended)
        return ended

    def _fail(self, rows: Rows, place: int, column: str, reason: str) -> None:
        self.report.failed.append(Unread(self._source.table, rows.labels[place], column, reason))

    def _blamed(self, reason: str) -> tuple[str, str]:
        """The store's own name for the column that a reason begins with."""
        ours = re.split(r"\W", reason, maxsplit=1)[0]
        return self._plan.theirs(ours), reason.removeprefix(f"{ours}: ")
