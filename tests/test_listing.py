"""What lies in a lake's folders, whether it still does, and as it would be without some files."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bt_lake.warehouse.errors import Damaged
from bt_lake.warehouse.ids import CHILDREN
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.listing import Listing, commits_of
from bt_lake.warehouse.live import live_files
from bt_lake.warehouse.log import Added, State, log_path

MONTH = "month=2026-11"


def name(digit: str, version: str = "8") -> str:
    """A commit's file; an id of version 8 says which children it has (here equity alone)."""
    return f"{MONTH}/c-{digit * 12}{version}{digit * 3}9{digit * 15}.parquet"


def maintained(table: str, digit: str) -> Added:
    return Added(table, f"{table}/{MONTH}/m-00000001-{digit * 32}.parquet", 1, 1, "a", "b")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "lake")
    for folder in made.folders:
        folder.mkdir(parents=True)
    epoch(made, 1)
    return made


def epoch(layout: Layout, number: int, grace_s: float = 60.0, **state: object) -> None:
    text = State(number, "", grace_s, **state).to_json()  # type: ignore[arg-type]
    log_path(layout, number).write_text(text, "utf-8")


def put(layout: Layout, *paths: str) -> None:
    for path in paths:
        (layout.root / path).parent.mkdir(exist_ok=True)
        (layout.root / path).touch()


def seconds_ago(listing: Listing, seconds: float) -> Listing:
    return replace(listing, began=time.monotonic() - seconds)


def test_it_has_the_newest_log_and_the_commits_of_runs_and_events(layout):
    epoch(layout, 2, 5.0)
    put(layout, f"runs/{name('a')}", f"events/{name('b')}", f"equity/{name('a')}")
    put(layout, f"runs/{name('c')}.tmp", f"runs/{MONTH}/m-00000001-{'d' * 32}.parquet")
    put(layout, f"runs/month=2026-111/{Path(name('e')).name}", f"runs/xmonth=2026-11/{Path(name('e')).name}")  # fmt: skip
    before = time.monotonic()
    found = Listing.of(layout)
    assert before <= found.began <= time.monotonic()
    assert (found.log, json.loads(found.content)["grace_s"]) == (log_path(layout, 2), 5.0)
    assert (found.commits, found.events) == ([f"runs/{name('a')}"], [f"events/{name('b')}"])
    assert found.found == []  # its id says that equity belongs to it


def test_children_are_listed_where_the_id_of_one_commit_does_not_say_what_it_has(layout):
    children = [f"{child}/{name('a', '7')}" for child in CHILDREN]
    put(layout, f"runs/{name('a', '7')}", f"runs/{name('b')}", *children)
    assert Listing.of(layout).found == children


def test_a_folder_that_is_not_there_is_empty_unless_curves_lie_beside_it(layout):
    layout.table("trades").rmdir()
    assert commits_of(layout, "trades") == []
    layout.table("runs").rmdir()
    assert commits_of(layout, "runs") == []
    put(layout, f"equity/{name('a')}")
    layout.table("events").rmdir()
    assert commits_of(layout, "events") == []
    with pytest.raises(Damaged, match=f"the folder {layout.table('runs')} is not there. Bring it"):
        commits_of(layout, "runs")


def test_it_is_good_however_old_while_its_log_is_the_newest(layout):
    assert seconds_ago(Listing.of(layout), 3600).is_good(layout)


@pytest.mark.parametrize(
    "graces, good, late",
    [
        ((60, 60), 59, 60),
        ((60, 5), 4, 5),
        ((5, 60), 4, 5),
        ((60, 5, 60), 4, 5),  # what the one between unlinked is gone, too
    ],
)
def test_after_new_epochs_it_is_good_for_the_least_grace_since(layout, graces, good, late):
    epoch(layout, 1, 0)  # of no account: the listing was taken after it
    for number, grace_s in enumerate(graces, start=2):
        epoch(layout, number, grace_s)
        if number == 2:
            listing = Listing.of(layout)
    epoch(layout, len(graces) + 2, 60)
    assert seconds_ago(listing, good).is_good(layout)
    assert not seconds_ago(listing, late).is_good(layout)


def test_with_no_grace_a_new_epoch_makes_it_worthless_at_once(layout):
    listing = Listing.of(layout)
    epoch(layout, 2, 0)
    assert not listing.is_good(layout)


def test_it_is_not_good_once_a_log_since_was_pruned(layout):
    listing = Listing.of(layout)
    epoch(layout, 3)
    assert not listing.is_good(layout)


def test_of_a_store_it_is_good_only_while_its_log_is_the_newest(layout):
    """What is kept of a store goes at once: grace does not count."""
    listing = Listing.of(layout)
    stored = Layout(layout.root, origin=SimpleNamespace())  # type: ignore[arg-type]
    assert listing.is_good(stored)
    epoch(layout, 2)
    assert listing.is_good(layout)
    assert not listing.is_good(stored)


def test_without_nothing_it_is_itself(layout):
    listing = Listing.of(layout)
    assert listing.without([]) is listing


def test_without_files_of_maintenance_the_others_stay(layout):
    kept, away = maintained("runs", "a"), maintained("equity", "b")
    epoch(layout, 2, adds=(kept, away), removed={"runs/gone": 1.5})
    listing = Listing.of(layout)
    fewer = listing.without([away.path])
    state = json.loads(fewer.content)
    assert [add["path"] for add in state["adds"]] == [kept.path]
    assert state["removed"] == {"runs/gone": 1.5, away.path: None}
    before = json.loads(listing.content)
    same = before.keys() - {"adds", "removed"}
    assert {key: state[key] for key in same} == {key: before[key] for key in same}
    assert replace(fewer, content=listing.content) == listing


def test_without_a_commit_what_is_its_own_is_not_live_either(layout):
    put(layout, *(f"{table}/{name(digit)}" for table in ("runs", "equity") for digit in "ab"))
    live = live_files(Listing.of(layout))
    fewer = live_files(Listing.of(layout).without({f"runs/{name('a')}"}))
    assert live is not None and fewer is not None
    for table in ("runs", "equity"):
        assert f"{table}/{name('a')}" in json.dumps(live)
        assert f"{table}/{name('a')}" not in json.dumps(fewer)
        assert f"{table}/{name('b')}" in json.dumps(fewer)


@pytest.mark.parametrize("table", ["runs", "events"])
@pytest.mark.parametrize("digit, returned", [("a", True), ("b", True), ("c", False)])
def test_a_commit_no_younger_than_what_was_taken_in_may_have_returned(layout, table, digit, returned):  # fmt: skip
    epoch(layout, 2, folded_to=Path(name("b")).name[2:34])
    put(layout, f"{table}/{name(digit)}", f"{table}/{name('d')}")
    assert Listing.of(layout).may_have_returned is returned


def test_nothing_can_have_returned_before_maintenance(layout):
    put(layout, f"runs/{name('0')}")
    assert not Listing.of(layout).may_have_returned
