"""The live files as Python chooses them are those that `lake.sql` chooses."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from factory import frames, ids

from bt_lake.warehouse.database import choose_by_sql
from bt_lake.warehouse.errors import Damaged
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.listing import Listing, commits_of
from bt_lake.warehouse.live import SHAPE, live_files
from bt_lake.warehouse.store import Store

TABLES = ("runs", "equity", "trades", "events")


ADD = {
    "table": "runs", "path": f"runs/month=2026-11/m-00000001-{'a' * 32}.parquet", "rows": 1,
    "bytes": 1, "min_run_id": "a", "max_run_id": "b", "folded": False,
}  # fmt: skip


def name_of(rng: random.Random, kind: str = "c-") -> str:
    """A file's name: of a commit that says what its children are, or of one that does not."""
    digits = "".join(rng.choices("0123456789abcdef", k=32))
    digits = digits[:12] + rng.choice("78") + digits[13:16] + rng.choice("89ab") + digits[17:]
    return f"month=2026-1{rng.randint(0, 2)}/{kind}{digits}.parquet"


def listed(rng: random.Random) -> Listing:
    commits = [f"runs/{name_of(rng)}" for _ in range(rng.randint(0, 8))]
    events = [f"events/{name_of(rng)}" for _ in range(rng.randint(0, 4))]
    children = [f"{c}{p[4:]}" for p in commits for c in ("equity", "trades")]
    strays = [f"{rng.choice(['equity', 'trades'])}/{name_of(rng)}" for _ in range(2)]
    adds = [
        {
            "table": table,
            "path": f"{table}/{name_of(rng, f'm-{rng.randint(0, 99):08d}-')}",
            "rows": rng.randint(0, 9),
            "bytes": rng.randint(0, 2**40),
            "min_run_id": rng.choice([None, "a"]),
            "max_run_id": rng.choice([None, "z"]),
            "folded": rng.choice([True, False]),
        }
        for table in rng.choices(TABLES, k=rng.randint(0, 5))
    ]
    known = [*commits, *events, *children, *strays, "", "odd"]
    content = {
        "grace_s": rng.choice([0, 60, 0.25]),
        "adds": adds,
        "removed": dict.fromkeys(rng.sample(known, rng.randint(0, len(known) // 2)), 1.5),
    }
    found = rng.sample([*children, *strays], rng.randint(0, len(children) + len(strays)))
    twice = rng.choices(commits, k=2) if commits else []
    return Listing(Path("log"), json.dumps(content), events, [*commits, *twice], found, 0.0)


def by_sql(connection: duckdb.DuckDBPyConnection, listing: Listing) -> Any:
    choose_by_sql(connection, listing)
    return told(connection)


def by_python(connection: duckdb.DuckDBPyConnection, listing: Listing) -> Any:
    live = json.dumps(live_files(listing))
    connection.execute(f"set variable lake_live = from_json(?, '{SHAPE}')", [live])
    return told(connection)


def told(connection: duckdb.DuckDBPyConnection) -> Any:
    kind, live = connection.execute(
        "select typeof(live), live from (select getvariable('lake_live') as live)"
    ).fetchall()[0]
    order = {k: sorted(v, key=str) if isinstance(v, list) else v for k, v in live.items()}
    return kind, order


@pytest.mark.parametrize("rounds", [12, pytest.param(300, marks=pytest.mark.thorough)])
def test_both_choose_the_same(rounds):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    with duckdb.connect() as connection:
        for _ in range(rounds):
            listing = listed(rng)
            expected = by_sql(connection, listing)
            assert by_python(connection, listing) == expected, (seed, listing)


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "[]",
        '{"grace_s": 1, "adds": {}, "removed": {}}',
        '{"grace_s": "1", "adds": [], "removed": {}}',
        '{"grace_s": true, "adds": [], "removed": {}}',
        '{"grace_s": 1, "adds": [], "removed": []}',
        '{"grace_s": 1, "adds": [], "removed": {"a": 1, "a": 2}}',
        '{"grace_s": 1, "adds": [{"table": "runs"}], "removed": {}}',
        *(
            json.dumps({"grace_s": 1, "removed": {}, "adds": [{**add, **odd}]})
            for add in [ADD]
            for odd in ({"table": "equit"}, {"path": "../x.parquet"}, {"rows": 1.5},
                        {"rows": True}, {"bytes": 2**63}, {"rows": -(2**63)}, {"folded": 1}, {"min_run_id": 4})
        ),
    ],
)  # fmt: skip
def test_what_maintenance_never_wrote_is_left_to_the_rule(content):
    good = json.dumps({"grace_s": 1, "removed": {}, "adds": [ADD]})
    assert live_files(Listing(Path("log"), good, [], [], [], 0.0)) is not None
    assert live_files(Listing(Path("log"), content, [], [], [], 0.0)) is None


def test_only_what_stands_can_have_returned():
    """What was folded lingers for the grace period, and is no reason to ask the rule."""
    young, old = (f"runs/month=2026-11/c-{digit * 32}.parquet" for digit in "95")
    for folded_to, removed, is_left_to_the_rule in (
        ("5" * 32, {old: 1.5}, False),
        ("5" * 32, {}, True),
        ("9" * 32, {old: 1.5}, True),
        ("4" * 32, {}, False),
        (7, {old: 1.5}, True),
    ):
        content = {"grace_s": 1, "adds": [], "removed": removed, "folded_to": folded_to}
        listing = Listing(Path("log"), json.dumps(content), [], [young, old], [], 0.0)
        assert (live_files(listing) is None) == is_left_to_the_rule, (folded_to, removed)


def test_no_folder_of_runs_is_no_runs_only_where_nothing_has_any(tmp_path):
    layout = Layout(tmp_path)
    for child in ("equity", "trades"):
        assert commits_of(layout, "runs") == []
        (tmp_path / child).mkdir()
    assert commits_of(layout, "runs") == []
    (tmp_path / "trades" / "month=2026-11").mkdir()
    assert commits_of(layout, "events") == []
    where = re.escape(str(tmp_path / "runs"))
    with pytest.raises(
        Damaged, match=f"^the folder {where} is not there. Bring it back from where"
    ):
        commits_of(layout, "runs")
    (tmp_path / "trades" / "month=2026-11").rmdir()
    (tmp_path / "equity" / "month=2026-11").mkdir()
    with pytest.raises(Damaged):
        commits_of(layout, "runs")


def test_a_listing_has_what_was_there(tmp_path):
    store = Store(tmp_path / "lake")
    made = frames(1)
    store.append(made)
    store.append_events("tag", ids(made), "a")
    listing = Listing.of(store.layout)
    here = {
        table: [
            f"{table}/{file.parent.name}/{file.name}"
            for file in (tmp_path / "lake" / table).rglob("c-*")
        ]
        for table in TABLES
    }
    assert all(len(files) == 1 for files in here.values())
    assert (listing.events, listing.commits, listing.found) == (here["events"], here["runs"], [])
    assert listing.content == listing.log.read_text()
    older = f"month=2026-11/c-{'a' * 12}7{'a' * 19}.parquet"  # its id names no children
    for table in ("runs", "equity"):
        (tmp_path / "lake" / table / "month=2026-11").mkdir(exist_ok=True)
        (tmp_path / "lake" / table / older).touch()
    listing = Listing.of(store.layout)
    assert sorted(listing.commits) == sorted([*here["runs"], f"runs/{older}"])
    assert sorted(listing.found) == sorted([*here["equity"], *here["trades"], f"equity/{older}"])
    listing.log.write_bytes(b"\xff{")
    assert Listing.of(store.layout).content == "\ufffd{"
