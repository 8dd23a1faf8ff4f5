"""Merge: take in what another folder has and this lake has not, in any order, any number of times.

Runs that are missing here come with all that is theirs. Of runs that are here, missing curves and
trades are added, and events: of each tag of a run, and of its deletion, the last one counts,
wherever it was made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_lake.warehouse.database import explain, vanished
from bt_lake.warehouse.frames import Frames, conform
from bt_lake.warehouse.incoming import CHILDREN, RUNS_AT_ONCE, Incoming, incoming
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.maintenance import Task, maintenance_lock, run
from bt_lake.warehouse.rewrite import plain_rows
from bt_lake.warehouse.schema import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from bt_lake.warehouse.store import Store

Event = dict[str, Any]
_TRIES = 8


@dataclass(slots=True)
class Merged:
    """Runs `added` and `already` here; of these, how many got what they lacked."""

    added: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    curves: int = 0
    trades: int = 0
    events: int = 0

    @property
    def changed(self) -> bool:
        return bool(self.added or self.curves or self.trades or self.events)


def merge(store: Store, folder: Path, *, dry_run: bool = False) -> Merged:
    """Take in all that the folder has: a lake, a backup of one, files that no log names."""
    merged = Merged()
    for frames in parts(store, folder, merged, dry_run=dry_run):
        if dry_run:
            merged.added += frames.runs["run_id"].to_pylist()
        else:
            store.create()
            merged.added += store.append_new(frames, of_lake=True).added
    return merged


def parts(store: Store, folder: Path, merged: Merged, *, dry_run: bool = False) -> Iterator[Frames]:
    """The runs that are missing here, for the caller to commit; then the others are completed."""
    from bt_lake.warehouse.engine import Error

    for _ in range(_TRIES):
        merged.already.clear()
        try:
            for source in incoming(folder, store.layout):
                yield from _missing(store, source, merged)
                if not dry_run and store.layout.exists:
                    complete(store, source, merged)
            return
        except Error as error:
            # Somebody folded the other lake meanwhile: what is in is not missing any more.
            last = error
            if not vanished(error):
                break
    raise explain(last, Layout(folder)) from last


def _missing(store: Store, source: Incoming, merged: Merged) -> Iterator[Frames]:
    ids = source.run_ids()
    known = store.known(ids) if store.layout.exists and ids else set()
    known.update(merged.added)
    merged.already += [run_id for run_id in ids if run_id in known]
    yield from source.frames([run_id for run_id in ids if run_id not in known])


def complete(store: Store, source: Incoming, merged: Merged) -> None:
    """Add to the runs that are here what the source knows of them."""
    events = source.events().to_pylist()
    ids = {child: source.run_ids_with(child) for child in CHILDREN}
    if not events and not any(ids.values()):
        return
    total = merged.events, merged.curves, merged.trades

    def act(task: Task) -> None:
        merged.events, merged.curves, merged.trades = total  # of a try that lost
        hidden = _take_events(task, events, merged)
        lacking = {child: _lacking(task, child, some, hidden) for child, some in ids.items()}
        for child, some in lacking.items():
            for start in range(0, len(some), RUNS_AT_ONCE):
                rows = source.rows_of(child, some[start : start + RUNS_AT_ONCE])
                task.rewriter.write_frame(child, conform(child, rows))
        merged.curves += len(lacking["equity"])
        merged.trades += len(lacking["trades"])

    with maintenance_lock(store.layout, wait=True):
        run(store.layout, act)


def _lacking(task: Task, child: str, ids: set[str], hidden: set[str]) -> list[str]:
    """Those of the runs that are here without their curve, or trades; deleted ones need none."""
    import pyarrow as pa

    paths = [task.layout.root / file.path for file in task.files(child)]
    wanted = pa.table({"run_id": pa.array(sorted(ids - hidden), pa.string())})
    task.connection.register("wanted", wanted)
    having = "false"
    if paths:
        rows = plain_rows(child, paths, [TABLES[child]["run_id"]])
        having = f"run_id in (select run_id from {rows})"
    try:
        found = task.connection.execute(
            "select run_id from wanted where run_id in (select run_id from lake_rows) "
            f"and not ({having}) order by run_id"
        ).fetchall()
    finally:
        task.connection.unregister("wanted")
    return [row[0] for row in found]


def _take_events(task: Task, events: Sequence[Event], merged: Merged) -> set[str]:
    """Write the events that are new here; gives the runs that are deleted after them."""
    rows = _rows_here(task, {event["run_id"] for event in events})
    here = _events_here(task)
    known = {event["event_id"] for event in here}
    fresh = [e for e in events if e["event_id"] not in known]
    of_studies = [e for e in fresh if e["kind"] == "study"]
    new = [e for e in fresh if e["kind"] != "study" and e["run_id"] in rows]
    concerned = {event["run_id"] for event in new}
    told, done = _sorted_out(new, [e for e in here if e["run_id"] in concerned], rows)
    for some, folded in ((told, False), ([*done, *of_studies], True)):
        if some:
            task.rewriter.write_frame("events", _table(some), folded=folded)
    merged.events += len(told) + len(of_studies)
    return _hidden(task, told)


def _sorted_out(
    new: Sequence[Event], here: Sequence[Event], rows: dict[str, Event]
) -> tuple[list[Event], list[Event]]:
    """Events that change their run, and those that do not: older ones, and those it has already."""
    last: dict[tuple[str, str], Event] = {}
    for event in sorted([*here, *new], key=lambda event: (event["at"], event["event_id"])):
        last[_subject(event)] = event
    noted = _unexplained_notes(here, rows)
    told: list[Event] = []
    done: list[Event] = []
    for event in new:
        row = rows[event["run_id"]]
        if event["kind"] == "note":
            lines, counts = _lines(event), noted[event["run_id"]]
            has = lines <= counts
            counts.subtract(lines if has else ())
        else:
            has = last[_subject(event)] is not event or _is_so(event, row)
        (done if has else told).append(event)
    return told, done


def _subject(event: Event) -> tuple[str, str]:
    """What an event decides: a tag of a run, whether it is deleted; a note only itself."""
    kind = event["kind"]
    if kind in ("tag", "untag"):
        return event["run_id"], f"tag {event['value']}"
    return event["run_id"], "deleted" if kind in ("delete", "restore") else event["event_id"]


def _is_so(event: Event, row: Event) -> bool:
    match event["kind"]:
        case "tag":
            return event["value"] in (row["tags"] or ())
        case "untag":
            return event["value"] not in (row["tags"] or ())
        case "delete":
            return bool(row["deleted_at"] == event["at"])
        case _:
            return row["deleted_at"] is None


def _unexplained_notes(here: Iterable[Event], rows: dict[str, Event]) -> dict[str, Counter[str]]:
    """How often each line stands in a run's notes that no event here has put there."""
    counts = {
        run_id: Counter(row["notes"].split("\n") if row["notes"] else ())
        for run_id, row in rows.items()
    }
    for event in here:
        if event["kind"] == "note":
            counts[event["run_id"]].subtract(_lines(event))
    return counts


def _lines(event: Event) -> Counter[str]:
    return Counter((event["value"] or "").split("\n"))


def _rows_here(task: Task, run_ids: set[str]) -> dict[str, Event]:
    """Tags, notes and deletion of runs, as they are now."""
    found = task.connection.sql(
        "select run_id, tags, notes, deleted_at from trials where run_id in (select unnest(?))",
        params=[sorted(run_ids)],
    ).to_arrow_table()
    return {row["run_id"]: row for row in found.to_pylist()}


def _events_here(task: Task) -> list[Event]:
    paths = [task.layout.root / file.path for file in task.files("events")]
    if not paths:
        return []
    rows: list[Event] = (
        task.connection.sql(f"from {plain_rows('events', paths)}").to_arrow_table().to_pylist()
    )
    return rows


def _hidden(task: Task, told: Iterable[Event]) -> set[str]:
    """The runs that are deleted once these events are in."""
    hidden = {
        row[0]
        for row in task.connection.execute(
            "select run_id from trials where deleted_at is not null"
        ).fetchall()
    }
    for event in told:
        if event["kind"] == "delete":
            hidden.add(event["run_id"])
        elif event["kind"] == "restore":
            hidden.discard(event["run_id"])
    return hidden


def _table(events: list[Event]) -> pa.Table:
    import pyarrow as pa

    from bt_lake.warehouse.schema import arrow_schema

    return conform("events", pa.Table.from_pylist(events, schema=arrow_schema("events")))
