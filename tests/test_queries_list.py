"""list: any order, page by page."""

from __future__ import annotations

import random

import pytest
from plainly import ids, number, text, value_of

from bt_lake.queries.filters import Filters
from bt_lake.queries.listing import listing
from bt_lake.warehouse.errors import BadInput, NotFound, UnknownName

pytest_plugins = ["golden_fixtures"]

SORTS = ("created_at", "sharpe_ratio", "strategy", "symbol", "my_score", "param.fast", "param.mode")


def expected(rows, sort, ascending):
    """The largest first, NULL last; parameters as numbers before texts; equal ones by id."""

    def keys(row):
        value = value_of(row, sort)
        if sort.startswith("param."):
            return [number(text(value)), text(value)]
        return [value]

    ordered = sorted(rows, key=lambda row: row["run_id"], reverse=not ascending)
    for place in reversed(range(len(keys(rows[0])))):
        known = [row for row in ordered if keys(row)[place] is not None]
        known.sort(key=lambda row: keys(row)[place], reverse=not ascending)
        ordered = known + [row for row in ordered if keys(row)[place] is None]
    return ids(ordered)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("ascending", [False, True])
def test_the_whole_list_is_in_order(golden, sort, ascending):
    found = golden.lake.runs(sort=sort, ascending=ascending)
    assert found["run_id"].to_list() == expected(golden.rows, sort, ascending)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("size", [1, 41, 73])
def test_pages_put_together_are_the_whole_list(golden, sort, ascending, size):
    want = expected(golden.rows, sort, ascending)
    if size == 1:
        want = want[:15]
    found: list[str] = []
    while len(found) < len(want):
        page = listing(
            golden.lake.reader,
            sort=sort,
            ascending=ascending,
            n=size,
            after=found[-1] if found else None,
            columns=["run_id"],
        ).rows()
        assert page
        found += [row[0] for row in page]
    assert found == want


def test_pages_do_not_shift_when_runs_come_in(golden, tmp_path):
    import shutil

    from bt_lake.lake import Lake

    lake = Lake(shutil.copytree(golden.lake.path, tmp_path / "lake"))
    before = lake.runs(n=10)["run_id"].to_list()
    lake.save(strategy="newest", metrics={"sharpe_ratio": 1.0})
    after = lake.runs(n=10, after=before[-1])["run_id"].to_list()
    assert before + after == expected(golden.rows, "created_at", False)[:20]
    assert lake.runs(n=1)["strategy"].to_list() == ["newest"]
    lake.delete(before[-1])
    with pytest.raises(NotFound, match="is deleted"):
        lake.runs(n=10, after=before[-1])


def test_random_filters_agree_with_a_plain_filter(golden):
    seed = random.randrange(10**9)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(60):
        given, check = {}, []
        if rng.random() < 0.5:
            wanted = rng.sample(["sma_cross", "rsi_reversion", "momentum", "none"], 2)
            given["strategy"] = wanted
            check.append(lambda row, wanted=wanted: row["strategy"] in wanted)
        if rng.random() < 0.4:
            given["symbol"] = "MSFT"
            check.append(lambda row: row["symbol"] == "MSFT")
        if rng.random() < 0.4:
            fast = rng.choice([5, 10, 15])
            given["params"] = {"fast": rng.choice([fast, float(fast), str(fast)])}
            check.append(lambda row, fast=fast: (row["params"] or {}).get("fast") == fast)
        if rng.random() < 0.3:
            given["where"] = "total_trades > 20 or error is not null"
            check.append(lambda row: (row["total_trades"] or 0) > 20 or row["error"] is not None)
        n = rng.choice([None, 1, 5, 50])
        sort = rng.choice(SORTS)
        rows = [row for row in golden.rows if all(test(row) for test in check)]
        want = expected(rows, sort, False) if rows else []
        found = golden.lake.runs(sort=sort, n=n, columns=["run_id"], **given)
        assert found["run_id"].to_list() == want[:n], (given, sort, n)


def test_total_counts_what_the_filters_match(golden):
    answer = listing(golden.lake.reader, n=3, filters=Filters(status="failed"))
    assert len(answer.rows()) == 3
    assert answer.total() == sum(row["status"] == "failed" for row in golden.rows)


def test_parameters_spread_into_columns(golden):
    frame = golden.lake.runs(sort="run_id", ascending=True, spread_params=True)
    assert "params" not in frame.columns
    rows = sorted(golden.rows, key=lambda row: row["run_id"])
    for name in ("fast", "slow", "stop.atr", "stop.kind", "mode"):
        want = [value_of(row, f"param.{name}") for row in rows]
        if name == "mode":
            want = [text(value) for value in want]
        assert frame[f"param.{name}"].to_list() == want
    assert frame.schema["param.fast"].is_integer()
    assert frame.filter(frame["param.a.b"].is_not_null()).height > 0


def test_spreading_chosen_columns_keeps_them(golden):
    frame = golden.lake.runs(n=5, columns=["run_id", "sharpe_ratio"], spread_params=True)
    assert frame.columns[:2] == ["run_id", "sharpe_ratio"]
    assert "param.fast" in frame.columns


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"sort": "sharp"}, UnknownName),
        ({"sort": "tags"}, BadInput),
        ({"limit": 0}, BadInput),
        ({"after": "nope"}, NotFound),
        ({"columns": ["run_id", "param.fast", "strategy; drop"]}, UnknownName),
        ({"columns": ["param.fats"]}, UnknownName),
        ({"stratgy": "x"}, UnknownName),
    ],
)
def test_mistakes_are_named(golden, given, error):
    with pytest.raises(error):
        golden.lake.runs(**given)
