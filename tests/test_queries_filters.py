"""The filters every reading question shares."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from plainly import ids, param, text

from bt_lake.lake import Lake
from bt_lake.queries.filters import Filters, moment
from bt_lake.queries.resolving import matching
from bt_lake.warehouse.errors import BadInput, UnknownName

pytest_plugins = ["golden_fixtures"]

DAY = datetime(2026, 1, 20, tzinfo=UTC)


def agrees(golden, check, **given) -> None:
    found = matching(golden.lake.reader, Filters(**given))
    want = sorted(ids(row for row in golden.rows if check(row)))
    assert found == want
    assert 0 < len(want) < len(golden.rows)


@pytest.mark.parametrize(
    "label", ["strategy", "symbol", "timeframe", "exit_rule", "engine", "sweep", "status"]
)
def test_a_label_by_one_value_or_several(golden, label):
    values = sorted({row[label] for row in golden.rows} - {None})
    agrees(golden, lambda row: row[label] == values[0], **{label: values[0]})
    if len(values) > 1:
        wanted = values[:2] if len(values) > 2 else values[1:]
        agrees(golden, lambda row: row[label] in wanted, **{label: wanted})
    assert matching(golden.lake.reader, Filters(**{label: []})) == []


def test_tags_must_all_be_there(golden):
    agrees(golden, lambda row: "late" in (row["tags"] or []), tag="late")
    agrees(golden, lambda row: "seed" in (row["tags"] or []), tag="seed")
    both = [row for row in golden.rows if {"seed", "late"} <= set(row["tags"] or [])]
    assert matching(golden.lake.reader, Filters(tag=["seed", "late"])) == sorted(ids(both))


@pytest.mark.parametrize("given", [DAY, DAY.replace(tzinfo=None), "2026-01-20T00:00:00Z"])
def test_since_and_until_a_time_include_it(golden, given):
    agrees(golden, lambda row: row["created_at"] >= DAY, since=given)
    agrees(golden, lambda row: row["created_at"] <= DAY, until=given)


@pytest.mark.parametrize("given", [DAY.date(), "2026-01-20", " 20260120 "])
def test_until_a_day_includes_the_whole_day(golden, given):
    agrees(golden, lambda row: row["created_at"].date() >= DAY.date(), since=given)
    agrees(golden, lambda row: row["created_at"].date() <= DAY.date(), until=given)


def test_so_long_ago():
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for given, span in {"30d": 30, "2w": 14, " 1 d ": 1}.items():
        assert moment("since", given, now) == now - timedelta(days=span)
    assert moment("since", "90m", now) == now - timedelta(minutes=90)
    assert moment("since", date(2026, 3, 1)) == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("given", ["yesterday", "2026-13-01", "", "30 fortnights"])
def test_what_is_not_a_time_is_refused(golden, given):
    with pytest.raises(BadInput, match="since: .* is not a time"):
        matching(golden.lake.reader, Filters(since=given))


@pytest.mark.parametrize("ten", [10, 10.0, "10", "1e1", Decimal(10)])
def test_numbers_and_their_texts_are_the_same_parameter(golden, ten):
    agrees(golden, lambda row: param(row, "fast") == 10, params={"fast": ten})


@pytest.mark.parametrize(
    ("name", "value", "check"),
    [
        ("slow", 72.5, lambda v: v == 72.5),
        ("slow", {50, "60"}, lambda v: v in (50, 60)),
        ("mode", "wild", lambda v: v == "wild"),
        ("mode", "slow & steady", lambda v: v == "slow & steady"),
        ("mode", True, lambda v: v is True),
        ("mode!=", None, lambda v: v is not None),
        ("mode!=", "wild", lambda v: v != "wild"),
        ("mode!=", {"wild", True}, lambda v: v not in ("wild", True)),
        ("fast>=", 10, lambda v: v is not None and v >= 10),
        ("fast >", "10", lambda v: v is not None and v > 10),
        ("fast<", 10, lambda v: v is not None and v < 10),
        ("fast!=", 10, lambda v: v != 10),
        ("mode>", "s", lambda v: v is not None and text(v) > "s"),
        ("stop.atr", 2, lambda v: v == 2),
        ("stop.kind", "trail", lambda v: v == "trail"),
        ("a.b", 29, lambda v: v == 29),
        ('we"ird/~key', "x", lambda v: v == "x"),
    ],
)
def test_parameters(golden, name, value, check):
    plain = name.rstrip("<>=! ")
    agrees(golden, lambda row: check(param(row, plain)), params={name: value})


def test_several_filters_must_all_fit(golden):
    agrees(
        golden,
        lambda row: row["strategy"] == "momentum" and param(row, "slow") == 50,
        strategy="momentum",
        params={"slow": 50},
    )


@pytest.mark.parametrize(
    ("where", "check"),
    [
        ("params->>'slow' > 55", lambda row: (param(row, "slow") or 0) > 55),
        ("params->>'slow' between 55 and 65", lambda row: param(row, "slow") == 60),
        ("params->>'mode' in (10, 11)", lambda row: text(param(row, "mode")) == "10"),
        ("sharpe_ratio > 0 -- good ones", lambda row: (row["sharpe_ratio"] or 0) > 0),
        ("extra['my_score'] >= 0.5", lambda row: (row["extra"] or {}).get("my_score", 0) >= 0.5),
        ("symbol is null or symbol = 'AAPL'", lambda row: row["symbol"] in (None, "AAPL")),
        ("list_contains(tags, 'seed')", lambda row: "seed" in (row["tags"] or [])),
        (
            "run_id = (select min(run_id) from runs where status = 'failed')",
            lambda row: row["run_id"] == "0c2835de10-0034",
        ),
    ],
)
def test_where_takes_sql(golden, where, check):
    agrees(golden, check, where=where)
    # Together with others: no text of the user's can close our parentheses.
    assert set(matching(golden.lake.reader, Filters(where=where, status="failed"))) <= set(
        ids(row for row in golden.rows if row["status"] == "failed")
    )


@pytest.mark.parametrize(
    "given",
    [
        {"strategy": 5},
        {"strategy": [None]},
        {"params": {"fast>": {"a": 1}}},
        {"params": {"fast>": [1, 2]}},
        {"params": {"fast": float("nan")}},
        {"where": ""},
        {"where": "sharp > 1"},
        {"where": "1 = 1) group by (x"},
        {"where": "1 = 1; select 1"},
        {"where": "cast('x' as int) = 1"},
    ],
)
def test_bad_filters_are_refused(golden, given):
    with pytest.raises(BadInput):
        matching(golden.lake.reader, Filters(**given))


def test_an_unknown_filter_gets_near_matches():
    with pytest.raises(UnknownName, match="Did you mean strategy"):
        Filters.of({"strateg": "x"})


def test_a_day_ends_before_midnight(tmp_path):
    lake = Lake(tmp_path / "lake")
    for at in ("2026-11-20T23:59:59.999999Z", "2026-11-21T00:00:00Z"):
        lake.save(strategy=at, created_at=at, metrics={"sharpe_ratio": 1.0})
    assert lake.runs(until="2026-11-20")["strategy"].to_list() == ["2026-11-20T23:59:59.999999Z"]
    assert lake.runs(since="2026-11-21")["strategy"].to_list() == ["2026-11-21T00:00:00Z"]


def test_a_list_is_a_value_and_a_set_is_any_of_several(lake):
    lake.save(strategy="s", run_id="list", params={"win": [3, 4]})
    lake.save(strategy="s", run_id="three", params={"win": 3})
    lake.save(strategy="s", run_id="other", params={"win": [3, 5]})

    def found(**params):
        return set(lake.runs(params=params)["run_id"])

    assert found(win=(3, 4)) == found(win=[3, 4]) == {"list"}
    assert found(win={(3, 4), (3, 5)}) == {"list", "other"}
    assert found(win={3, (3, 5)}) == {"three", "other"}
    assert found(**{"win!=": (3, 4)}) == {"three", "other"}
    assert found(win=set()) == set()
    with pytest.raises(BadInput, match="takes one value"):
        found(**{"win<": {3, 4}})


def test_who_means_any_of_a_list_is_told_how_to_say_it(lake):
    lake.save(strategy="s", params={"fast": 3})
    answer = lake.ask.runs(params={"fast": [3, 4]})
    assert answer.rows() == []
    assert answer.note() == (
        "no run has the list fast=[3, 4]; any of several values: {3, 4} in Python, "
        "-p fast=3 -p fast=4"
    )


def test_none_is_a_value_and_not_the_lack_of_one(lake):
    lake.save(strategy="s", run_id="none", params={"stop": None, "n": {"at": None}})
    lake.save(strategy="s", run_id="absent", params={"fast": 3})
    lake.save(strategy="s", run_id="text", params={"stop": "null", "n": {"at": 2}})

    def found(where=None, **params):
        return set(lake.runs(params=params, where=where)["run_id"])

    assert found(stop=None) == {"none"}
    assert found(stop="null") == {"text"}
    assert found(**{"stop!=": None}) == {"text"}
    assert found(**{"n.at": None}) == found(n={"at": None}) == {"none"}
    assert found(stop={None, "null"}) == {"none", "text"}
    lake.save(strategy="s", run_id="nothing")
    assert found(where="json_exists(params, '/stop') is not true") == {"absent", "nothing"}


def test_short_and_idle_runs_can_be_passed_over(lake):
    for days, trades in ((10, 50), (400, 2), (400, 50)):
        lake.save(
            strategy="s",
            run_id=f"{days}-{trades}",
            start_at="2020-01-01",
            end_at=f"2020-01-{1 + days:02}" if days < 30 else "2021-02-04",
            params={"x": days},
            metrics={"sharpe_ratio": 1.0, "total_trades": trades},
        )
    asked = {"min_days": 30, "min_trades": 30}
    assert lake.best("sharpe_ratio", **asked)["run_id"].to_list() == ["400-50"]
    assert lake.aggregate("strategy", **asked)["runs"].item() == 1
    assert [row[0] for row in lake.sweep("s", x="x", **asked).rows] == [400]
    assert lake.overfit(**asked).gathered.runs == 1
    with pytest.raises(BadInput, match="min_days is a number, 0 or more, not -1"):
        lake.runs(min_days=-1)
