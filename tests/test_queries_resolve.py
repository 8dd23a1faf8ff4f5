"""Runs by any part that begins or ends their id."""

from __future__ import annotations

import shutil

import pytest

from bt_lake.lake import Lake
from bt_lake.queries.resolving import resolve, resolve_all
from bt_lake.warehouse.errors import Ambiguous, BadInput, NotFound


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("resolve") / "lake")
    for number, run_id in enumerate(("aaa-111", "aab-211", "bbb-311", "bbb", "%_'-9")):
        lake.save(
            run_id=run_id,
            strategy="s",
            symbol="AAPL" if number else None,
            created_at=f"2026-11-{10 + number}T00:00:00Z",
        )
    return lake


@pytest.mark.parametrize(
    ("part", "run_id"),
    [
        ("aaa-111", "aaa-111"),
        ("aaa", "aaa-111"),
        ("211", "aab-211"),
        ("…211", "aab-211"),
        (" bbb- ", "bbb-311"),
        ("bbb", "bbb"),  # a whole id, though others begin with it
        ("%", "%_'-9"),
        ("_'-9", "%_'-9"),
    ],
)
def test_a_unique_part_is_enough(lake, part, run_id):
    assert resolve(lake.reader, part) == run_id


def test_an_ambiguous_part_names_some(lake):
    with pytest.raises(Ambiguous) as caught:
        resolve(lake.reader, "11")
    assert str(caught.value) == (
        "'11' fits 3 runs: give more of its id\n…bbb-311 s AAPL 2026-11-12\n"
        "…aab-211 s AAPL 2026-11-11\n…aaa-111 s 2026-11-10"
    )


@pytest.mark.parametrize(("part", "error"), [("zz", NotFound), ("", BadInput), ("…", BadInput)])
def test_what_fits_none_is_refused(lake, part, error):
    with pytest.raises(error):
        resolve(lake.reader, part)


def test_deleted_runs_are_found_where_asked_for(lake, tmp_path):
    lake = Lake(shutil.copytree(lake.path, tmp_path / "lake"))
    lake.delete("aaa")
    with pytest.raises(NotFound, match="bt-lake restore aaa"):
        resolve(lake.reader, "aaa")
    assert resolve(lake.reader, "aaa", deleted=True) == "aaa-111"
    assert resolve(lake.reader, "aa") == "aab-211"


def test_several_are_given_once_each(lake):
    assert resolve_all(lake.reader, ["211", "aab", "aaa"]) == ["aab-211", "aaa-111"]
