"""The lake's rows are those the golden script wrote; other tests start from there."""

from __future__ import annotations

import json

pytest_plugins = ["golden_fixtures"]


def test_every_run_is_there_as_written(golden):
    seen = golden.lake.sql("select * from trials order by run_id").to_dicts()
    for row, want in zip(seen, sorted(golden.trials, key=lambda row: row["run_id"]), strict=True):
        for name, value in want.items():
            if name == "deleted_at":
                assert (row[name] is None) == (value is None)
            elif name == "params":
                assert (json.loads(row[name]) if row[name] else None) == value
            else:
                assert row[name] == value, name


def test_the_lake_has_files_of_both_kinds_and_pending_events(golden):
    kinds = golden.lake.sql(
        "select table_name, commit_id is null as maintained, count(*) as n from lake_files "
        "group by all order by all"
    ).rows()
    assert {(table, maintained) for table, maintained, _ in kinds} >= {
        ("runs", True), ("runs", False), ("equity", True), ("equity", False), ("events", False),
    }  # fmt: skip
