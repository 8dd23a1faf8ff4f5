"""Rows in memory: whatever happens to a lake, they are what `lake.sql` reads from its files."""

from __future__ import annotations

import multiprocessing
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from factory import frames, ids

from bt_lake.lake import Lake
from bt_lake.queries import shelf
from bt_lake.queries.answer import Answer
from bt_lake.queries.curves import equity
from bt_lake.queries.filters import Filters
from bt_lake.queries.listing import listing
from bt_lake.queries.ranking import best
from bt_lake.queries.reading import Reader
from bt_lake.warehouse import compact, held
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.store import Store

EVERYTHING = "select list(r order by run_id)::varchar, count(*) from {view} as r"


def by_lake_sql(lake: Path) -> Any:
    with duckdb.connect() as shell:
        text = (lake / "lake.sql").read_text()
        shell.execute(f"set timezone = 'UTC'; set variable lake = '{lake}';{text}")
        return rows_of(shell, "lake_shown()")  # a macro there, which .tables does not list


def by_reader(reader: Reader) -> Any:
    return reader.ask(lambda connection: rows_of(connection, "lake_shown"))


def rows_of(connection: duckdb.DuckDBPyConnection, shown: str) -> Any:
    return [
        connection.execute(EVERYTHING.format(view=view)).fetchall()
        for view in ("trials", "runs", shown)
    ]


def step(store: Store, rng: random.Random) -> str:
    known = [r[0] for r in store.ask(lambda c: c.execute("select run_id from trials").fetchall())]
    some = rng.sample(known, min(len(known), 3))
    match rng.choice(["save", "save", "large", "tag", "untag", "note", "delete", "restore"] * 3
                     + ["fold", "compact", "forget"]):  # fmt: skip
        case "save":
            columns = {
                "sharpe_ratio": rng.choice([None, 1.5, -0.5, float("nan")]),
                "params": rng.choice([None, '{"fast":5}', '{"fast":10,"slow":"x"}']),
                "extra": rng.choice([None, [("mine", rng.choice([1.0, 2.0]))]]),
                "tags": rng.choice([None, [], ["a"]]),
            }
            store.append(frames(rng.randint(1, 3), points=rng.randint(0, 2), **columns))
            return "save"
        case "large":
            store.append(frames(30, points=0))
            return "large"
        case "fold":
            compact.fold(store.layout)
            return "fold"
        case "compact":
            store.compact(grace_s=rng.choice([0, None]))
            return "compact"
        case "forget":
            store.forget(some[:1])
            return "forget"
        case kind:
            told = rng.choice("abc") if kind in ("tag", "untag", "note") else None
            store.append_events(kind, some, told)
            return kind


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "steps"),
    [(40, 8), *[pytest.param(n, 60, marks=pytest.mark.thorough) for n in (0, 40, 10_000)]],
)
def test_rows_in_memory_are_those_of_the_files(tmp_path, monkeypatch, rows, steps):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    monkeypatch.setenv("BT_LAKE_HELD_ROWS", str(rows))
    monkeypatch.setattr(held, "SMALL_BYTES", 20_000)
    monkeypatch.setattr(compact, "FOLD_AT", 4)
    lake = tmp_path / "lake"
    store = Store(lake)
    store.append(frames(2))
    reader = Reader(store.layout)
    for _ in range(held.FEW_QUESTIONS + 1):
        by_reader(reader)
    done = []
    for _ in range(steps):
        done.append(step(store, rng))
        assert by_reader(reader) == by_lake_sql(lake), (seed, done)
        for _ in range(2):  # a frame of the rows is made for the second question
            for answer in frames_of(reader):
                try:
                    expected = fetched(answer, reader)
                except UnknownName:  # no run has the parameter, or has it any more
                    continue
                assert answer.frame().equals(expected), (seed, done)


def frames_of(reader: Reader) -> list[Answer]:
    few = ["fold", "sharpe_ratio", "extra", "tags"]
    return [
        best(reader, "sharpe_ratio", n=5),
        best(reader, "sharpe_ratio", n=3, columns=few, filters=Filters(tag=["a"])),
        listing(reader, n=4, columns=[*few, "param.fast"], sort="sharpe_ratio"),
        listing(reader, n=None, filters=Filters(params={"fast": 10})),
        listing(reader, ascending=True),
    ]


def fetched(answer: Answer, reader: Reader) -> pl.DataFrame:
    """What the answer is without a frame of the rows."""
    bare = Answer(reader, lambda connection: replace(answer.plan(connection)))
    return bare.frame()


def test_the_frame_of_the_rows_is_used_and_follows_the_lake(lake: Lake):
    for number in range(3):
        lake.save(strategy="s", params={"n": number}, metrics={"sharpe_ratio": number, "mine": 1})
    made = []
    for _ in range(held.FEW_QUESTIONS + 3):
        made.append(lake.best("mine", columns=["run_id", "param.n", "sharpe_ratio", "mine"]))
    connection = lake.reader.ask(lambda c: c)
    assert shelf._shelves[connection].frame is not None
    assert all(each.equals(made[0]) for each in made)
    assert made[0].columns == ["rank", "run_id", "param.n", "sharpe_ratio", "mine"]
    lake.save(strategy="s", params={"n": 9}, metrics={"sharpe_ratio": 9, "mine": 2})
    for _ in range(3):
        assert lake.best("mine", 1)["sharpe_ratio"].to_list() == [9]
    lake.delete(lake.best("mine", 1)["run_id"][0])
    for _ in range(3):
        assert lake.best("mine", 5)["sharpe_ratio"].to_list() == [2, 1, 0][::-1]


def test_what_is_made_of_a_query_has_no_quick_way_of_its_own(lake: Lake):
    points = [[f"2024-01-{day:02}", 100 + day + day % 2] for day in range(1, 9)]
    for _ in range(3):
        run = lake.save(strategy="s", equity=points)
    for _ in range(held.FEW_QUESTIONS + 3):
        lake.best("sharpe_ratio")
    for answer in (*frames_of(lake.reader)[::4], equity(lake.reader, [run])):

        def changed(connection: duckdb.DuckDBPyConnection, answer: Answer = answer) -> Any:
            query = answer.plan(connection)
            assert query.quick is not None
            other = replace(query, sql=f"from ({query.sql}) limit 1")
            return query.frame(connection).height, other.frame(connection).height

        whole, one = lake.reader.ask(changed)
        assert (whole, one) == (8 if answer.columns[1] == "ts" else 3, 1)


@pytest.mark.slow
def test_a_window_asked_again_is_still_that_window(lake: Lake):
    equity = [[f"2024-0{month}-01", 100.0 * month] for month in range(1, 7)]
    run = lake.save(strategy="s", equity=equity)
    for _ in range(held.FEW_QUESTIONS + 3):
        for month in (3, 5):
            window = {"start": f"2024-0{month - 1}-01", "end": f"2024-0{month}-01"}
            found = lake.best("total_return", **window)
            assert found["run_id"].to_list() == [run]
            assert found["end_at"].dt.month().to_list() == [month]
        assert lake.best("total_return")["total_return"].to_list() == [5.0]


@pytest.mark.slow
def test_a_reader_that_holds_sees_each_commit_of_another_process(tmp_path):
    lake = tmp_path / "lake"
    store = Store(lake)
    store.append(frames(1))
    reader = Reader(store.layout)
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    writer = multiprocessing.get_context("spawn").Process(target=write, args=(lake, theirs))
    writer.start()
    seen = 1
    for _ in range(100):
        ours.send(1)
        saved = set(ours.recv())
        found = reader.ask(lambda c: c.execute("select run_id from runs").fetchall())
        seen += len(saved)
        assert saved <= {row[0] for row in found}
        assert len(found) == seen
    ours.send(0)
    writer.join()


def write(lake: Path, pipe: Any) -> None:
    store = Store(lake)
    while pipe.recv():
        made = frames(1, points=0, trades=0)
        store.append(made)
        pipe.send(ids(made))


@pytest.mark.slow
def test_who_stops_a_reading_half_way_loses_and_doubles_nothing(tmp_path, monkeypatch):
    store = Store(tmp_path / "lake")
    for _ in range(3):
        store.append(frames(1))
    reader = Reader(store.layout)
    for _ in range(held.FEW_QUESTIONS + 1):
        by_reader(reader)
    store.append(frames(1))
    store.compact()
    leave = held.Held._leave

    def stopped(self: held.Held, files: Any) -> None:
        leave(self, files)
        raise KeyboardInterrupt

    monkeypatch.setattr(held.Held, "_leave", stopped)
    with pytest.raises(KeyboardInterrupt):
        by_reader(reader)
    monkeypatch.undo()
    assert by_reader(reader) == by_lake_sql(store.path)


def test_rows_to_hold_is_a_number(lake: Lake, monkeypatch):
    lake.save(strategy="s", metrics={"cagr": 0.1})
    monkeypatch.setenv("BT_LAKE_HELD_ROWS", "many")
    with pytest.raises(BadInput, match="BT_LAKE_HELD_ROWS is 'many': write a number of rows"):
        for _ in range(held.FEW_QUESTIONS + 1):
            lake.runs()


def test_a_compacted_lake_without_a_deleted_run_is_read_where_it_lies(store, monkeypatch):
    """All its rows in one kind of files, which have no column `deleted_at`."""
    monkeypatch.setenv("BT_LAKE_HELD_ROWS", "0")
    store.append(frames(3))
    store.compact(grace_s=0)
    reader = Reader(store.layout)
    assert [by_reader(reader)[1][0][1] for _ in range(10)] == [3] * 10
