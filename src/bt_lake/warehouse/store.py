"""A lake's store: append, ask, and look after."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.files import advisory_lock, explained
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.schema import EVENT_KINDS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.check import Report
    from bt_lake.warehouse.database import Database
    from bt_lake.warehouse.frames import Frames

T = TypeVar("T")

# What makes two runs the same execution to a user who asks for `unique`.
CONFIGURATION = (
    "strategy",
    "symbol",
    "timeframe",
    "start_at",
    "end_at",
    "params_hash",
    "exit_rule",
)


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of the runs of one append."""

    added: list[str]
    already: list[str] = field(default_factory=list)
    duplicates: dict[str, str] = field(default_factory=dict)  # run_id -> the run it repeats
    # Of those in already, the ones that the lake has without the curve or trades given now.
    barer: list[str] = field(default_factory=list)


class Store:
    """One lake folder; made on the first write."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = _usable(os.path.abspath(Path(path).expanduser()))
        self.layout = Layout(self.path)
        self._checked = False

    def _prepare_write(self) -> None:
        if not self._checked:
            if self.layout.exists:
                self.layout.check_format()
            self.layout.create()
            self._checked = True

    def append(self, frames: Frames) -> str:
        """Commit new runs; when this returns they are on disk and every reader sees them."""
        from bt_lake.warehouse.commit import append
        from bt_lake.warehouse.compact import fold_if_due

        self._prepare_write()
        commit = append(self.layout, frames)
        fold_if_due(self.layout)
        return commit

    def append_new(self, frames: Frames, *, unique: bool = False) -> Appended:
        """Commit those runs that the lake does not hold yet.

        The look and the commit happen under a lock of their own: two processes may read the
        same files in different batches. The lock ends with its process.
        """
        from bt_lake.warehouse.commit import append
        from bt_lake.warehouse.compact import fold_if_due

        self._prepare_write()
        with (
            explained(f"nothing was saved to {self.path}"),
            advisory_lock(self.layout.stage / "ingest.lock", wait=True),
        ):
            appended = self.compared(frames, unique=unique)
            if appended.already or appended.duplicates:
                frames = frames.only(set(appended.added))
            if len(frames.runs):
                append(self.layout, frames)
        fold_if_due(self.layout, look_every=1)
        return appended

    def compared(self, frames: Frames, *, unique: bool = False) -> Appended:
        """What `append_new` would do with these runs, if nobody else writes meanwhile."""
        ids = frames.runs["run_id"].to_pylist()
        if not self.layout.exists:
            return Appended(added=ids, already=[], duplicates={})
        known = self.known(ids)
        repeats = self._repeats(frames, known) if unique else {}
        return Appended(
            added=[i for i in ids if i not in known and i not in repeats],
            already=[i for i in ids if i in known],
            duplicates=repeats,
            barer=self._barer(frames, known) if known else [],
        )

    def _barer(self, frames: Frames, known: set[str]) -> list[str]:
        """Those of the known runs of which the lake has no curve, or no trades, and these have."""
        barer: set[str] = set()
        for name, table in frames.children().items():
            given = sorted(known.intersection(table["run_id"].unique().to_pylist()))
            if given:
                barer.update(set(given) - self._having(name, given))
        return sorted(barer)

    def _having(self, name: str, run_ids: list[str]) -> set[str]:
        """Those of the runs that have rows in the table `equity` or `trades`."""
        view = {"equity": "lake_curves", "trades": "lake_trade_rows"}[name]

        def question(connection: DuckDBPyConnection) -> set[str]:
            rows = connection.execute(
                f"select distinct run_id from {view} where run_id between ? and ? "
                "and run_id in (select unnest(?))",
                [run_ids[0], run_ids[-1], run_ids],
            ).fetchall()
            return {row[0] for row in rows}

        return self.ask(question)

    def append_events(self, kind: str, run_ids: Sequence[str], value: str | None = None) -> None:
        from bt_lake.warehouse.commit import append_events
        from bt_lake.warehouse.compact import fold_if_due
        from bt_lake.warehouse.events import events_table

        if kind not in EVENT_KINDS:
            raise BadInput(f"no kind of event '{kind}'; there are {', '.join(EVENT_KINDS)}")
        if kind in ("tag", "untag", "note") and not (value or "").strip():
            raise BadInput(f"{kind}: the text is empty")
        if run_ids:
            self._prepare_write()
            at = self._after_events_of(run_ids)
            append_events(self.layout, events_table(kind, run_ids, value, at))
            fold_if_due(self.layout)

    def _after_events_of(self, run_ids: Sequence[str]) -> datetime:
        """Now, or just after the last event of these runs: a clock may be wrong or go back."""

        def question(connection: DuckDBPyConnection) -> int | None:
            latest: int | None = connection.execute(
                'select epoch_us(max("at")) from lake_pending_events '
                "where run_id in (select unnest(?))",
                [list(run_ids)],
            ).fetchall()[0][0]
            return latest

        now, latest = datetime.now(UTC), self.ask(question)
        if latest is None:
            return now
        return max(now, datetime.fromtimestamp(0, UTC) + timedelta(microseconds=latest + 1))

    def known(self, run_ids: Iterable[str]) -> set[str]:
        """Those of the ids that are in the lake, deleted runs included."""
        import pyarrow as pa

        wanted = pa.table({"run_id": pa.array(list(run_ids), pa.string())})

        def question(connection: DuckDBPyConnection) -> set[str]:
            connection.register("wanted", wanted)
            try:
                rows = connection.execute(
                    "select run_id from lake_rows where run_id in (select run_id from wanted)"
                ).fetchall()
            finally:
                connection.unregister("wanted")
            return {row[0] for row in rows}

        return self.ask(question)

    def _repeats(self, frames: Frames, known: set[str]) -> dict[str, str]:
        """Runs whose configuration is in the lake, or earlier in these frames, already."""
        import pyarrow as pa

        names = [name for name in CONFIGURATION if name in frames.runs.column_names]
        absent = [name for name in CONFIGURATION if name not in names]
        table = frames.runs.select(["run_id", *names]).append_column(
            "place", pa.array(range(len(frames.runs)))
        )
        same = " and ".join(
            [f"o.{name} is not distinct from n.{name}" for name in names]
            + [f"o.{name} is null" for name in absent]
        )
        earlier = " and ".join(f"e.{name} is not distinct from n.{name}" for name in names)

        def question(connection: DuckDBPyConnection) -> dict[str, str]:
            connection.register("incoming", table)
            try:
                rows = connection.execute(
                    f"""
                    select n.run_id, o.run_id from incoming n join runs o on {same}
                    where o.run_id <> n.run_id
                    union all
                    select n.run_id, e.run_id from incoming n join incoming e on {earlier}
                    where e.place < n.place
                    """
                ).fetchall()
            finally:
                connection.unregister("incoming")
            return {new: old for new, old in rows if new not in known}

        return self.ask(question)

    @cached_property
    def _database(self) -> Database:
        from bt_lake.warehouse.database import Database

        return Database(self.layout)

    def ask(self, question: Callable[[DuckDBPyConnection], T]) -> T:
        """Answer a question on a consistent snapshot of the lake as it is now."""
        return self._database.ask(question)

    def connect(self) -> DuckDBPyConnection:
        """A DuckDB connection of the caller's own, with the lake's views on a snapshot of now."""
        from bt_lake.warehouse.database import Database

        database = Database(self.layout)
        database.complete()
        return database.connection

    def compact(self, *, grace_s: float | None = None) -> bool:
        from bt_lake.warehouse.compact import compact

        self.layout.check_format()
        return compact(self.layout, grace_s=grace_s)

    def forget(self, run_ids: Iterable[str]) -> bool:
        from bt_lake.warehouse.purge import forget

        self.layout.check_format()
        return forget(self.layout, run_ids)

    def replace(self, frames: Frames) -> bool:
        from bt_lake.warehouse.purge import replace

        self._prepare_write()
        return replace(self.layout, frames)

    def check(self, *, repair: bool = False) -> Report:
        from bt_lake.warehouse.check import check

        return check(self.layout, repair=repair)


def _usable(path: str) -> Path:
    """The path of a lake, unless DuckDB could not read from it."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{path!a}: the path of a lake must be valid UTF-8") from None
    if os.sep == "/" and "\\" in path:
        raise BadInput(f"{path}: no backslash in the path of a lake: DuckDB splits the path there")
    return Path(path)
