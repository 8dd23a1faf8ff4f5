"""Columns of a later writer of this format: read past, carried along, never thrown out."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factory import frames, ids

from bt_lake.warehouse import compact, log
from bt_lake.warehouse.commit import by_pyarrow
from bt_lake.warehouse.digest import BLANK, described, sealed
from bt_lake.warehouse.store import Store

FIELD_ID = b"PARQUET:field_id"


def later_writer(store: Store, made: Any, add: Callable[[pa.Table], pa.Table], **kinds: Any) -> Any:
    """Append as a version of tomorrow would: with more columns than today's schema has."""
    before = set(store.path.glob("*/month=*/c-*"))
    store.append(made)
    children: dict[str, dict[str, Any]] = {}
    # The runs last: they say the digests of what belongs to them.
    for path in sorted(set(store.path.glob("*/month=*/c-*")) - before, key=_is_of_runs):
        table = path.relative_to(store.path).parts[0]
        said = children.setdefault(path.name, {})
        if _is_of_runs(path):
            said = json.loads(pq.read_metadata(path).metadata[b"children"]) | said
        if table in kinds or not kinds or (_is_of_runs(path) and children[path.name]):
            rows = pq.read_table(path, partitioning=None)
            rows = add(rows) if table in kinds or not kinds else rows
            marks = {"written_by": "bt-lake of tomorrow", "digest": BLANK}
            if _is_of_runs(path):
                marks["children"] = json.dumps(said)
            path.write_bytes(sealed(by_pyarrow(rows, marks)))
            said[table] = {"rows": len(rows), **described(path.read_bytes())}
    return made


def _is_of_runs(path: Path) -> bool:
    return path.parent.parent.name == "runs"


def omega(table: pa.Table, field_id: int = 99, name: str = "omega") -> pa.Table:
    values = pa.array([f"of {i}" for i in table["run_id"].to_pylist()])
    return table.append_column(
        pa.field(name, values.type, metadata={FIELD_ID: str(field_id)}), values
    )


def nested(table: pa.Table) -> pa.Table:
    values = pa.array([{"a": i, "b": [1.5, 2.5]} for i in range(len(table))])
    return table.append_column(pa.field("deep", values.type, metadata={FIELD_ID: b"98"}), values)


def held(store: Store, table: str, field_id: int = 99) -> dict[str, set[Any]]:
    """What the live files hold in a column, by run, read by its field id as FORMAT.md says."""
    found: dict[str, set[Any]] = {}
    paths = store.ask(
        lambda c: c.execute("select path from lake_files where table_name = ?", [table]).fetchall()
    )
    for (path,) in paths:
        rows = pq.read_table(store.path / path, partitioning=None)
        by_id = {int(f.metadata[FIELD_ID]): f.name for f in rows.schema}
        if field_id in by_id:
            values = rows[by_id[field_id]].to_pylist()
            for run_id, value in zip(rows[by_id[1]].to_pylist(), values, strict=True):
                if value is not None:
                    found.setdefault(run_id, set()).add(repr(value))
    return found


@pytest.mark.slow
def test_compaction_carries_an_unknown_column(store, rows):
    made = later_writer(store, frames(3), omega)
    store.append(frames(2))
    expected = {run_id: {repr(f"of {run_id}")} for run_id in ids(made)}
    report = store.check()
    assert {f.kind for f in report.findings} == {"column"}
    assert not report.damaged
    assert len(report.findings) == 3  # one for each table
    assert "of a later version of bt-lake, maybe" in report.findings[0].message
    assert not store.check(repair=True).damaged
    assert not (store.path / "_quarantine").exists()
    assert rows("select count(*) from runs") == [(5,)]
    assert store.compact()
    for table in ("runs", "equity", "trades"):
        assert held(store, table) == expected, table
    assert rows("select count(*), count(distinct run_id) from equity") == [(25, 5)]


def test_nested_and_clashing_columns_are_carried(store):
    made = later_writer(store, frames(2), lambda t: omega(nested(t), 99, "Sharpe_Ratio"), runs=1)
    store.append(frames(1))
    before = held(store, "runs", 98)
    assert store.compact()
    assert held(store, "runs", 98) == before
    assert set(before) == set(ids(made))
    assert set(held(store, "runs")) == set(ids(made))
    store.append(frames(1))
    assert store.compact()
    assert held(store, "runs", 98) == before
    assert set(held(store, "runs")) == set(ids(made))


def test_a_known_column_under_another_name_is_read_and_not_thrown_out(store, rows):
    def renamed(table: pa.Table) -> pa.Table:
        names = ["sharpe" if n == "sharpe_ratio" else n for n in table.column_names]
        return table.rename_columns(names)

    made = later_writer(store, frames(1), renamed, runs=1)
    expected = [(36.0, ids(made)[0])]
    assert rows("select sharpe_ratio, run_id from runs") == expected
    report = store.check(repair=True)
    assert "is read as sharpe_ratio by its field id" in report.findings[0].message
    assert not report.damaged
    assert rows("select sharpe_ratio, run_id from runs") == expected
    store.append(frames(1))
    store.compact()
    assert expected[0] in rows("select sharpe_ratio, run_id from runs")


def test_a_column_without_a_field_id_is_said_and_passed_over(store, rows):
    later_writer(store, frames(1), lambda t: t.append_column("x", pa.nulls(len(t))), runs=1)
    report = store.check(repair=True)
    assert "has no field id" in report.findings[0].message
    assert rows("select count(*) from runs") == [(1,)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in (1, 2))]
)
def test_nothing_is_lost_through_random_maintenance(store, seed, monkeypatch):
    print(f"seed {seed}")
    rng = random.Random(seed)
    monkeypatch.setattr(compact, "FOLD_AT", 3)
    monkeypatch.setattr(compact, "FAN_IN", 2)
    alive: list[str] = []
    later: set[str] = set()
    hidden: set[str] = set()
    for _ in range(20):
        step = rng.choice(["new", "new", "later", "later", "fold", "compact", "forget", "delete",
                           "tag", "repair", "lose log"])  # fmt: skip
        if step == "new":
            alive += ids(_append(store, frames(rng.randint(1, 2))))
        elif step == "later":
            made = ids(later_writer(store, frames(rng.randint(1, 2)), omega))
            alive += made
            later |= set(made)
        elif step == "fold":
            compact.fold(store.layout) if store.layout.exists else None
        elif step == "compact" and store.layout.exists:
            store.compact(grace_s=rng.choice([None, 0]))
        elif step == "repair" and store.layout.exists:
            assert not store.check(repair=True).damaged
        elif step == "lose log" and store.layout.exists:
            for path in store.layout.log.iterdir():
                path.unlink()
            assert not store.check(repair=True).damaged
        elif alive:
            run_id = rng.choice(alive)
            if step == "forget":
                store.forget([run_id])
                alive.remove(run_id)
            elif step == "tag":
                store.append_events("tag", [run_id], "x")
            elif step == "delete":
                store.append_events("delete", [run_id])
                hidden.add(run_id)
        if store.layout.exists:
            kept = {i: {repr(f"of {i}")} for i in later & set(alive)}
            # A log that is rebuilt brings back what was forgotten a moment ago.
            seen = {i: v for i, v in held(store, "runs").items() if i in alive}
            assert seen == kept, step
            seen = {
                i: v for i, v in held(store, "equity").items() if i in alive and i not in hidden
            }
            assert seen == {i: v for i, v in kept.items() if i not in hidden}, step


def _append(store: Store, made: Any) -> Any:
    store.append(made)
    return made


def test_grace_holds_for_the_one_time_it_was_given(store):
    def lingering() -> list[Path]:
        return [
            p for p in store.path.glob("runs/month=*/*") if store.layout.relative(p) not in live()
        ]

    def live() -> set[str]:
        return {
            r[0] for r in store.ask(lambda c: c.execute("select path from lake_files").fetchall())
        }

    for _ in range(2):
        store.append(frames(1))
    assert store.compact(grace_s=0)
    assert lingering() == []
    store.append(frames(1))
    assert store.compact()
    assert len(lingering()) == 2
    assert log.newest(store.layout).grace_s == log.GRACE_S
