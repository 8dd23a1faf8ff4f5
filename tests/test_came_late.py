"""Files that turn up, or are gone, where a lake was written by others or synchronised in parts."""

from __future__ import annotations

import os
import time

import pytest
from factory import frames, ids

from bt_lake.warehouse import strays
from bt_lake.warehouse.errors import Damaged


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("table", ["equity", "trades"])
def test_a_curve_that_comes_after_its_commit_was_folded_is_found_and_taken_in(
    store, rows, table, epochs, tmp_path
):
    made = frames(2)
    store.append(made)
    whole = rows(f"from {table} order by all")
    child = next(store.path.glob(f"{table}/month=*/c-*"))
    os.rename(child, tmp_path / "late")
    store.check(repair=True)  # gives it up: the runs are folded without it
    for _ in range(epochs):
        store.append(frames(1))
        store.compact(grace_s=0)
    assert not store.check().damaged
    os.rename(tmp_path / "late", child)
    assert store.check().findings == [], "it may only just have come"
    long_ago = time.time() - 2 * strays.YOUNG_S
    os.utime(child, (long_ago, long_ago))
    (finding,) = store.check().findings
    assert (finding.kind, finding.damage, finding.path) == (
        "stray",
        True,
        store.layout.relative(child),
    )
    assert "2 runs" in finding.message and "came late" in finding.message
    assert not store.check(repair=True).damaged
    assert store.check().findings == []
    mine = ", ".join(f"'{run_id}'" for run_id in ids(made))
    assert rows(f"from {table} where run_id in ({mine}) order by all") == whole


def test_a_curve_of_nobody_stays_unmentioned(store):
    """Its writer was killed before the run came: nothing is lost that anybody was told of."""
    store.append(frames(1))
    store.compact(grace_s=0)
    store.append(frames(1))
    (run,) = store.path.glob("runs/month=*/c-*")
    run.unlink()
    (child,) = store.path.glob("equity/month=*/c-*")
    long_ago = time.time() - 2 * strays.YOUNG_S
    os.utime(child, (long_ago, long_ago))
    assert not [f for f in store.check().findings if f.kind == "stray"]


def test_a_lake_without_its_zero_row_files_says_which_is_lost(store, rows):
    store.append(frames(1))
    store.layout.seed("trades").unlink()
    store.compact(grace_s=0)
    with pytest.raises(Damaged, match=r"_seed.equity\.parquet is lost.*--repair"):
        for table in ("equity", "events"):
            store.layout.seed(table).unlink(missing_ok=True)
        rows("select count(*) from trades, equity, events")
    assert not store.check(repair=True).damaged
    assert rows("select count(*) from runs") == [(1,)]
