"""What the page's server answers: the same as the lake, in compact columns."""

from __future__ import annotations

import asyncio
import csv
import http.client
import io
import json
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from cli_lake import CURVE, documents, run_id
from page_server import SLOW, TOKEN, Server, rows, server

from bt_lake.ingest.saving import save
from bt_lake.lake import Lake
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.store import Store

pytest_plugins = ["page_fixtures"]


def test_runs_are_those_of_the_lake_in_its_order(page: Server, paged_lake: Path):
    told = page.get("runs", sort="sharpe_ratio", n=3, columns="sharpe_ratio,param.fast,my_score")
    wanted = Lake(paged_lake).runs(
        sort="sharpe_ratio", n=3, columns=["run_id", "sharpe_ratio", "param.fast", "my_score"]
    )
    assert [row["run_id"] for row in rows(told)] == wanted["run_id"].to_list()
    assert [row["sharpe_ratio"] for row in rows(told)] == wanted["sharpe_ratio"].to_list()
    assert told["columns"][:3] == ["run_id", "strategy", "status"] and "ms" in told


def test_pages_of_runs_follow_each_other(page: Server):
    first = page.get("runs", sort="cagr", order="asc", n=5)
    rest = page.get("runs", sort="cagr", order="asc", n=50, after=rows(first)[-1]["run_id"])
    both = [row["run_id"] for row in rows(first) + rows(rest)]
    assert len(both) == len(set(both)) == page.get("count")["runs"] == 9


def test_filters_are_those_of_the_command_line(page: Server):
    assert page.get("count", strategy="sma_cross", symbol=["SYNTH", "WAVE"])["matched"] == 7
    assert page.get("count", p=["fast=5", "slow>=60"])["matched"] == 2
    assert page.get("count", tag="q4")["matched"] == 1
    assert page.get("count", where="sharpe_ratio > 2", min_trades=60)["matched"] == 1
    assert page.get("count", since="2026-11-07", until="2026-11-07")["matched"] == 1


def test_what_is_to_know_of_an_order_comes_with_the_count(page: Server, paged_lake: Path):
    note = Lake(paged_lake).ask.runs(sort="sharpe_ratio").note()
    assert note and page.get("count", sort="sharpe_ratio")["note"] == note
    assert page.get("count")["note"] == page.get("runs", sort="sharpe_ratio")["note"] == ""
    assert "no_such" in page.get("runs", strategy="no_such")["note"]


def test_times_are_milliseconds_and_wide_numbers_stay_whole(page: Server):
    row = rows(page.get("runs", columns="created_at,params", sort="created_at", order="asc"))[0]
    assert row["created_at"] == 1_790_812_800_000
    assert "12345678901234567890" in row["params"]


def test_facets_follow_the_other_filters(page: Server, paged_lake: Path):
    found = page.get("facets", symbol="WAVE")["facets"]
    assert dict(found["strategy"]) == {"sma_cross": 1, "rsi": 1}
    assert dict(found["symbol"]) == {"SYNTH": 6, "WAVE": 2, found["symbol"][-1][0]: 1}
    assert found["tag"] == [["q4", 1]]
    lake = Lake(paged_lake)
    assert lake.facets(["tag"], strategy="rsi") == {"tag": []}
    assert lake.facets("symbol", most=1) == {"symbol": [("SYNTH", 6)]}
    assert lake.facets(["symbol", "tag"], containing="wa") == {"symbol": [("WAVE", 2)], "tag": []}
    assert page.get("facets", label="symbol", like="nth")["facets"] == {"symbol": [["SYNTH", 6]]}
    assert page.get("facets", label="symbol", like="%")["facets"] == {"symbol": []}
    with pytest.raises(UnknownName, match="Did you mean symbol"):
        lake.facets(["sybol"])


def test_a_histogram_counts_every_run_that_has_the_metric(page: Server, paged_lake: Path):
    found = page.get("histogram", metric="sharpe_ratio", symbol="SYNTH")
    assert sum(found["counts"]) == found["runs"] == 6
    assert (found["lowest"], found["highest"]) == (0.5, 3.0)
    lake = Lake(paged_lake)
    assert lake.histogram("my_score", bins=3).counts == [2, 2, 2]
    assert lake.histogram("sharpe_ratio", bins=4, strategy="nope").counts == [0, 0, 0, 0]
    one = lake.histogram("total_trades", bins=4, where="total_trades = 60")
    assert one.counts == [1, 0, 0, 0] and one.low == one.high == 60
    with pytest.raises(UnknownName):
        lake.histogram("nope")
    with pytest.raises(BadInput):
        lake.histogram("cagr", bins=0)


def test_one_run_in_full(page: Server):
    found = page.get(f"run/{run_id(7)}")
    assert found["run"]["params"] == {"fast": 5, "slow": 50, "risk": 1}
    assert [month for month, _ in found["monthly"]] == ["2024-01-01", "2024-02-01"]
    assert [value for _, value in found["monthly"]] == pytest.approx([-0.01, 121 / 99 - 1])
    assert [name for name, *_ in found["disagreements"]] == ["sharpe_ratio"]
    assert found["standing"]["trials"] == 7
    trades = rows(page.get(f"trades/{run_id(7)}"))
    assert [trade["side"] for trade in trades] == ["long", "short"]


def test_a_curve_is_whole_where_it_is_short(page: Server):
    (curve,) = page.get("curve", runs=run_id(7))["curves"]
    assert curve["equity"] == CURVE["equity"] and curve["base"] == 100 and curve["points"] == 4
    assert curve["drawdown"] == [0, 0, pytest.approx(-0.1), 0]


def test_a_long_curve_keeps_its_ends_and_extremes(lake: Lake):
    from bt_lake.page.curves import curves

    equity = [1000.0 + (n * 7919) % 997 for n in range(5000)]
    equity[1234], equity[4321] = 5000.0, 1.0
    times = [f"{2000 + n // 365}-01-01T00:{n % 60:02d}:{n // 60 % 60:02d}Z" for n in range(5000)]
    times = sorted(
        f"2024-01-01T{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z" for n in range(5000)
    )
    saved = lake.save(strategy="long", equity={"ts": times, "equity": equity})
    (curve,) = curves(lake, [saved], points=200)
    assert len(curve["ts"]) <= 204 and curve["points"] == 5000
    assert (curve["equity"][0], curve["equity"][-1]) == (equity[0], equity[-1])
    assert (max(curve["equity"]), min(curve["equity"])) == (5000, 1)
    assert curve["ts"] == sorted(curve["ts"])
    start, end = curve["ts"][0] + 1_000_500, curve["ts"][0] + 1_100_000
    (part,) = curves(lake, [saved], points=200, within=(start, end))
    assert part["equity"] == equity[1000:1101] and part["points"] == 5000


def test_a_very_long_curve_is_the_same_by_arrays(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    from bt_lake.page import curves

    equity = [1000.0 + (n * 7919) % 997 for n in range(300)]
    ids = [
        lake.save(
            strategy="long",
            equity={"ts": [f"20{n // 12:02d}-{n % 12 + 1:02d}-03" for n in range(300)],
                    "equity": equity, **more},
        )
        for more in ({}, {"benchmark": equity[::-1]})
    ]  # fmt: skip
    by_rows = curves.curves(lake, [*ids, ids[0][-8:]], points=100)
    monkeypatch.setattr(curves, "_LONG", 100)
    assert curves.curves(lake, ids, points=100) == by_rows
    assert ["benchmark" in one for one in by_rows] == [False, True]


def test_an_unknown_run_is_not_found_and_near_ones_are_told(page: Server):
    unknown = page.ask("/api/run/zzz")
    assert unknown.status == 404 and unknown.json["kind"] == "NotFound"
    near = rows(page.get("near", run=run_id(7)[:-1] + "9"))
    assert run_id(7) in [row["run_id"] for row in near]


@pytest.mark.parametrize(
    "path, asked, status, said",
    [
        ("runs", {"where": "sharp > 1"}, 400, "no column 'sharp'"),
        ("runs", {"sort": "sharp"}, 400, "Did you mean sharpe_ratio"),
        ("runs", {"n": "many"}, 400, "n: 'many' is not a number"),
        ("runs", {"n": 100_000}, 400, "from 0 to 2,000"),
        ("curve", {}, 400, "which runs?"),
        ("curve", {"runs": ",".join(map(str, range(20)))}, 400, "at most 12"),
        ("search", {}, 400, "search for what?"),
        ("nope", {}, 404, "/api/nope"),
    ],
)
def test_what_is_wrong_is_said(page: Server, path, asked, status, said):
    refused = page.ask(f"/api/{path}", **asked)
    assert refused.status == status and said in refused.json["error"]


def test_runs_are_found_by_what_they_are_called(page: Server):
    for text, wanted in [("q4", 7), ("second LINE", 7), ("rsi", 8), (run_id(3)[-6:], 3)]:
        found = [row["run_id"] for row in rows(page.get("search", q=text))]
        assert run_id(wanted) in found and len(found) <= 2, text
    assert page.get("search", q="100%_nothing'\"")["rows"] == 0


@pytest.mark.slow
def test_a_run_of_an_older_store_keeps_its_odd_name(made_lake: Path, tmp_path: Path):
    lake = shutil.copytree(made_lake, tmp_path / "lake")
    save(Store(lake), {"run_id": "old/store 7?#é", "strategy": "odd"})
    with server(lake) as running:
        name = quote("old/store 7?#é", safe="")
        assert running.get(f"run/{name}")["run"]["strategy"] == "odd"
        assert running.ask(f"/run/{name}").status == 200
        assert running.get(f"trades/{name}")["rows"] == 0


@pytest.mark.slow
def test_marks_are_made_and_taken_back(own_page: Server):
    one = run_id(7)
    assert own_page.post("mark", {"act": "tag", "text": "new", "runs": [one]}).json == {"marked": 1}
    assert own_page.post("mark", {"act": "note", "text": "a line", "runs": [one]}).status == 200
    found = own_page.get(f"run/{one}")
    assert found["run"]["tags"] == ["q4", "new"] and "a line" in found["run"]["notes"]
    assert [event["kind"] for event in found["events"]][-2:] == ["tag", "note"]
    assert own_page.post("mark", {"act": "delete", "runs": [one]}).json == {"marked": 1}
    assert own_page.get("count")["runs"] == 7
    assert own_page.get(f"run/{one}")["run"]["deleted_at"] is not None
    assert own_page.post("mark", {"act": "restore", "runs": [one]}).json == {"marked": 1}
    assert own_page.post("mark", {"act": "delete", "runs": ["nope"]}).status == 404


def test_an_export_is_what_the_command_writes(page: Server):
    text = page.ask("/api/export/csv", runs=f"{run_id(3)},{run_id(7)}").body.decode()
    found = list(csv.DictReader(io.StringIO(text)))
    assert {row["run_id"]: row["param.slow"] for row in found} == {run_id(3): "70", run_id(7): "50"}


@pytest.mark.slow
def test_a_lake_that_is_not_there_yet_is_no_error_and_appears(tmp_path: Path):
    with server(tmp_path / "lake") as running:
        assert running.ask("/").status == 200
        missing = running.ask("/api/runs")
        assert missing.status == 404 and "there is no lake here yet" in missing.json["error"]
        assert not (tmp_path / "lake").exists()
        save(Store(tmp_path / "lake"), documents()[0])
        assert running.get("count")["runs"] == 1


@pytest.mark.slow
def test_a_damaged_lake_says_what_check_says(made_lake: Path, tmp_path: Path):
    lake = shutil.copytree(made_lake, tmp_path / "lake")
    for file in (lake / "runs").rglob("*.parquet"):
        file.write_bytes(b"PAR1 nothing PAR1")
    with server(lake) as running:
        damaged = running.ask("/api/runs")
        assert damaged.status == 500 and "bt-lake check" in damaged.json["error"]


@pytest.mark.slow
def test_pages_hear_what_others_save(made_lake: Path, tmp_path: Path):
    lake = shutil.copytree(made_lake, tmp_path / "lake")
    with server(lake) as running:
        listening = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        listening.request("GET", "/api/live", headers={"Authorization": f"Bearer {TOKEN}"})
        stream = listening.getresponse()
        assert stream.readline() == b"event: hello\n"
        save(Store(lake), {"strategy": "from elsewhere"})
        while (line := stream.readline()) != b"event: changed\n":
            assert line, "the stream ended"
        listening.close()


def test_many_questions_at_once_get_each_its_own_answer(page: Server):
    def one(number: int) -> tuple[int, list[str]]:
        return number, page.get(
            "runs", columns="run_id", where=f"total_trades = {number % 6 * 10 + 10}"
        )["data"][0]

    with ThreadPoolExecutor(50) as pool:
        for number, found in pool.map(one, range(50)):
            assert found == [run_id(number % 6 + 1)]


def test_who_goes_away_is_not_worked_for_any_longer(page: Server):
    """Two slow questions hold both readers; when their askers go, the next is answered at once."""
    asking = [page.ask_slowly() for _ in range(2)]
    time.sleep(0.3)
    for one in asking:
        one.settimeout(0.05)
        with pytest.raises(TimeoutError):
            one.recv(1)
        one.close()
    assert page.get("count")["runs"] == 9


def test_a_stamp_is_another_after_a_change(lake: Lake):
    lake.save(strategy="a")
    time.sleep(0.08)
    before = lake.stamp()
    assert before is not None and lake.stamp() == before
    lake.save(strategy="b")
    assert lake.stamp() != before


def test_runs_beside_each_other(page: Server):
    found = page.get("compare", runs=f"{run_id(7)},{run_id(3)}")
    assert found["ids"] == [run_id(7), run_id(3)]
    differ = {line["name"]: line["values"] for line in found["differences"]}
    assert differ["slow"] == [50, 70] and differ["symbol"] == ["WAVE", "SYNTH"]
    best = {line["name"]: line["best"] for line in found["metrics"]}
    assert best["total_trades"] == [] and best["max_drawdown"] == [1]
    assert page.ask("/api/compare", runs=run_id(7)).status == 400


def test_a_sweep_is_that_of_the_lake(page: Server, paged_lake: Path):
    axes = page.get("axes/sma_cross")["axes"]
    assert [name for name, *_ in axes[:3]] == ["param.slow", "param.fast", "param.risk"]
    assert ["symbol", 2, ["WAVE", "SYNTH"]] in axes
    found = page.get("sweep/sma_cross", x="fast", y="slow", how="max", symbol="SYNTH")
    grid = Lake(paged_lake).sweep("sma_cross", "fast", "slow", how="max", symbol="SYNTH")
    assert [tuple(row) for row in zip(*found["data"], strict=True)] == grid.rows
    assert (found["xs"], found["ys"], found["runs"]) == ([5, 10], [50, 60, 70], 6)
    assert page.get("sweep/sma_cross", x="fast")["mixed"] == grid_mixed(paged_lake)
    for asked in ({}, {"x": "fats"}, {"x": "fast", "how": "mode"}, {"x": "fast", "y": "fast"}):
        assert page.ask("/api/sweep/sma_cross", **asked).status == 400, asked


def grid_mixed(lake: Path) -> list[str]:
    return Lake(lake).sweep("sma_cross", "fast").mixed


@pytest.mark.slow
def test_what_the_best_is_worth_is_what_the_report_says(page: Server, paged_lake: Path):
    found = page.get("overfit", strategy="sma_cross")
    report = Lake(paged_lake).overfit(strategy="sma_cross")
    assert found["report"]["verdict"] == report.verdict and found["text"] == str(report)
    assert found["report"]["counts"]["trials"] == 7 and found["histogram"]["runs"] == 7
    best = rows(page.get("best", strategy="sma_cross", n=2))
    assert [row["rank"] for row in best] == [1, 2] and "dsr" in best[0]


def test_falls_and_rolling_numbers_of_a_run(page: Server):
    falls = rows(page.get(f"drawdowns/{run_id(7)}"))
    assert [fall["depth"] for fall in falls] == [pytest.approx(-0.1)]
    assert set(page.get(f"rolling/{run_id(7)}")) == {"ts", "sharpe_ratio", "volatility", "ms"}


def test_the_returns_of_a_run_are_counted_with_0_as_an_edge(lake: Lake):
    from bt_lake.page.judged import returns

    rng = random.Random(5)
    moves = [rng.gauss(0.001, 0.02) for _ in range(400)] + [0.0] * 50
    equity = list(accumulate(moves, lambda value, move: value * (1 + move), initial=100.0))
    days = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(len(equity))]
    named = lake.save(strategy="s", equity={"ts": days, "equity": equity})
    short = lake.save(strategy="s", equity={"ts": days[:5], "equity": equity[:5]})
    found, few = (
        returns(lake, SimpleNamespace(path_params={"run": run})) for run in (named, short)
    )
    assert few == {"returns": 4, "counts": []}
    assert (found["returns"], found["still"], sum(found["counts"])) == (450, 50, 400)
    step = (found["high"] - found["low"]) / len(found["counts"])
    below = round(-found["low"] / step)
    assert found["low"] + below * step == pytest.approx(0, abs=1e-12)
    assert sum(found["counts"][:below]) == sum(move < 0 for move in moves)
    assert found["quantile_05"] == pytest.approx(lake.run(named).row["var_95"])
    assert found["gains"] == pytest.approx(sum(move > 0 for move in moves) / 450)


def test_every_run_of_a_sweep_with_what_varies(page: Server, paged_lake: Path):
    found = page.get("parallel/sma_cross", metric="total_return", p="fast>=10")
    runs = Lake(paged_lake).ask.runs(strategy="sma_cross", params={"fast>=": 10}).dicts()
    assert found["rows"] == found["total"] == len(runs)
    told = {row["run_id"]: row for row in rows(found)}
    assert found["columns"][:2] == ["run_id", "total_return"]
    for run in runs:
        params, row = json.loads(run["params"]), told[run["run_id"]]
        for name in found["columns"][2:]:
            own = run[name] if name in run else params.get(name.removeprefix("param."))
            assert row[name] == own
    assert all(len(set(map(str, column))) > 1 for column in found["data"][2:])


def test_the_lake_and_a_look_for_damage(page: Server):
    assert page.get("info")["runs"] == 9
    assert page.get("check") | {"ms": 0} == {"files": 11, "damaged": False, "findings": [], "ms": 0}


def test_a_question_that_takes_too_long_is_stopped_and_its_reader_free_again(lake: Lake):
    from bt_lake.page.turns import _Lane
    from bt_lake.warehouse.errors import Busy

    lake.save(strategy="a")

    async def ask() -> int:
        lane = _Lane([lake], limit_s=0.2)
        with ThreadPoolExecutor(1) as pool:
            with pytest.raises(Busy, match="no answer within"):
                await lane.answer(pool, lambda lake: lake.runs(where=SLOW))
            return await lane.answer(pool, len)

    assert asyncio.run(ask()) == 1


def test_runs_in_equal_parts_and_what_matters_in_a_grid(own_page: Server, tmp_path: Path):
    lake = Lake(tmp_path / "lake")
    days = [f"2024-01-{day:02d}" for day in range(1, 29)]
    ids = [
        lake.save(
            strategy="mix", equity={"ts": days, "equity": [100.0 + n * step for n in range(28)]}
        )
        for step in (1, 2)
    ]
    found = own_page.get("mix", runs=",".join(ids))
    portfolio = lake.portfolio(ids)
    assert found["metrics"]["total_return"] == pytest.approx(portfolio.metrics["total_return"])
    assert found["equity"] == pytest.approx(portfolio.equity()["equity"].to_list())
    shares = own_page.get("importance/sma_cross", symbol="SYNTH")["shares"]
    assert shares == [
        list(row) for row in lake.importance("sma_cross", symbol="SYNTH").frame().rows()
    ]
    assert own_page.ask("/api/importance/sma_cross").status == 400
