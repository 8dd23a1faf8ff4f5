"""Which runs the lake has: looked up before an append that must repeat none of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bt_lake.warehouse.schema import SAME_RUN

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.frames import Frames
    from bt_lake.warehouse.store import Store


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of the runs of one append."""

    added: list[str]
    already: list[str] = field(default_factory=list)
    duplicates: dict[str, str] = field(default_factory=dict)  # run_id -> the run it repeats
    # Of those in already, the ones that the lake has without the curve or trades given now.
    barer: list[str] = field(default_factory=list)


def compared(store: Store, frames: Frames, *, unique: bool, order: Sequence[str] = ()) -> Appended:
    """What `append_new` would do with these runs, if nobody else writes meanwhile."""
    ids = frames.runs["run_id"].to_pylist()
    if not store.layout.exists:
        return Appended(added=ids, already=[], duplicates={})
    known = known_of(store, ids)
    repeats = _repeats(store, frames, known, order) if unique else {}
    return Appended(
        added=[i for i in ids if i not in known and i not in repeats],
        already=[i for i in ids if i in known],
        duplicates=repeats,
        barer=_barer(store, frames, known) if known else [],
    )


def _barer(store: Store, frames: Frames, known: set[str]) -> list[str]:
    """Those of the known runs of which the lake has no curve, or no trades, and these have."""
    barer: set[str] = set()
    for name, table in frames.children().items():
        given = sorted(known.intersection(table["run_id"].unique().to_pylist()))
        if given:
            barer.update(set(given) - _having(store, name, given))
    return sorted(barer)


def _having(store: Store, name: str, run_ids: list[str]) -> set[str]:
    """Those of the runs that have rows in the table `equity` or `trades`."""
    view = {"equity": "lake_curves", "trades": "lake_trade_rows"}[name]

    def question(connection: DuckDBPyConnection) -> set[str]:
        rows = connection.execute(
            f"select distinct run_id from {view} where run_id between ? and ? "
            "and run_id in (select unnest(?))",
            [run_ids[0], run_ids[-1], run_ids],
        ).fetchall()
        return {row[0] for row in rows}

    return store.ask(question)


def known_of(store: Store, run_ids: Iterable[str]) -> set[str]:
    """Those of the ids that are in the lake, deleted runs included."""
    import pyarrow as pa

    from bt_lake.warehouse.arrays import array

    wanted = pa.Table.from_arrays([array(list(run_ids), pa.string())], ["run_id"])

    def question(connection: DuckDBPyConnection) -> set[str]:
        connection.register("wanted", wanted)
        try:
            rows = connection.execute(
                "select run_id from lake_rows where run_id in (select run_id from wanted)"
            ).fetchall()
        finally:
            connection.unregister("wanted")
        return {row[0] for row in rows}

    return store.ask(question)


def _repeats(store: Store, frames: Frames, known: set[str], order: Sequence[str]) -> dict[str, str]:
    """Runs whose configuration is in the lake, or earlier in these frames, already."""
    import numpy as np
    import pyarrow as pa

    from bt_lake.warehouse.arrays import of_numpy

    names = [name for name in SAME_RUN if name in frames.runs.column_names]
    absent = [name for name in SAME_RUN if name not in names]
    table = frames.runs.select(["run_id", *names]).append_column(
        "place", of_numpy(np.array(_places(frames.runs["run_id"].to_pylist(), order)), pa.int64())
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

    return store.ask(question)


def _places(run_ids: Sequence[str], order: Sequence[str]) -> list[int]:
    """Where each run stands in the order given, else among the others."""
    at = {run_id: place for place, run_id in enumerate(order)}
    return [at.get(run_id, place) for place, run_id in enumerate(run_ids)]
