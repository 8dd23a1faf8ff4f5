"""The lake as tools: an agent's client asks each of them, and may be wrong or hostile."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import bt_lake

mcp = pytest.importorskip("mcp", reason="the extra mcp is not installed")

from bt_lake.agents.answers import rows  # noqa: E402
from bt_lake.agents.server import server  # noqa: E402
from bt_lake.warehouse.calls import Journal  # noqa: E402

HOSTILE = [
    "'; drop view runs; --",
    "\x1b[2J",
    "../../etc/passwd",
    "a" * 100_000,
    "\ud800",
    "{}",
    "",
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> bt_lake.Lake:
    lake = bt_lake.open(tmp_path_factory.mktemp("agents") / "lake")
    with lake.batch():
        for n in range(60):
            curve = [
                [f"2024-{m:02}-{d:02}", 100.0 + n * m / 9 + (d * n) % 7]
                for m in range(1, 8)
                for d in range(1, 28)
            ]
            trades = [
                {
                    "symbol": "A",
                    "pnl": 1.0 * k - 3,
                    "entry_at": f"2024-01-{k + 1:02}",
                    "exit_at": f"2024-01-{k + 2:02}",
                }
                for k in range(9)
            ]
            lake.save(
                run_id=f"run{n:03}",
                strategy="cross",
                symbol="AB"[n % 2],
                params={"fast": n % 6, "slow": n // 6},
                equity=curve,
                trades=trades,
            )
    lake.study("s", hypothesis="crosses tell", budget=10)
    return lake


def client(lake: bt_lake.Lake, talk: Callable[[Any], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        async with mcp.Client(server(lake, **options)) as talking:
            return await talk(talking)

    return asyncio.run(main())


def asked(lake: bt_lake.Lake, tool: str, **arguments: Any) -> Any:
    async def talk(talking: Any) -> Any:
        return await talking.call_tool(tool, arguments)

    return client(lake, talk, write=True)


QUESTIONS = {
    "list_runs": {"n": 5},
    "best": {},
    "aggregate": {"by": ["symbol"]},
    "sweep": {"strategy": "cross", "x": "fast", "y": "slow"},
    "compare": {"runs": ["run001", "run002"]},
    "show_run": {"run": "run007"},
    "curve": {"run": "run007", "points": 10},
    "trades": {"run": "run007"},
    "drawdowns": {"run": "run007"},
    "lookup": {"strategy": "cross", "params": {"fast": 1, "slow": 0}},
    "overfit": {"filters": {"strategy": "cross"}},
    "metrics": {"like": "sharpe"},
    "schema": {"table": "trades"},
    "sql": {"query": "select symbol, count(*) as n from runs group by 1 order by 1"},
    "info": {},
    "portfolio": {"runs": ["run001", "run002", "run003"]},
    "study": {"name": "s"},
    "certify": {"run": "run007"},
    "tag": {"tag": "good", "runs": ["run003"]},
    "untag": {"tag": "good", "runs": ["run003"]},
    "note": {"text": "looked at", "runs": ["run003"]},
}


@pytest.mark.slow
@pytest.mark.parametrize("tool", QUESTIONS)
def test_each_tool_answers_small_and_typed(lake, tool):
    done = asked(lake, tool, **QUESTIONS[tool])
    text = done.content[0].text
    assert not done.is_error, text
    assert json.loads(text) == done.structured_content
    assert len(text.encode()) <= 8 * 1024


def test_every_tool_is_asked_and_has_a_schema_of_its_answer(lake):
    tools = client(lake, lambda talking: talking.list_tools(), write=True).tools
    assert {tool.name for tool in tools} == set(QUESTIONS)
    for tool in tools:
        assert tool.output_schema["properties"] and tool.description, tool.name
        assert tool.annotations.read_only_hint == (tool.name not in ("tag", "untag", "note"))


@pytest.mark.slow
def test_answers_are_those_of_the_lake(lake):
    found = asked(lake, "list_runs", n=60, sort="sharpe_ratio", columns=["run_id"], kb=100)
    assert [row[0] for row in found.structured_content["rows"]] == lake.runs(sort="sharpe_ratio")[
        "run_id"
    ].to_list()
    counted = asked(
        lake, "sql", query="select symbol, count(*) as n from runs group by 1 order by 1"
    )
    assert counted.structured_content["rows"] == [["A", 30], ["B", 30]]
    curve = asked(lake, "curve", run="run007", points=3).structured_content
    frame = lake.equity(["run007"])
    assert [row[1] for row in curve["rows"]] == pytest.approx(
        [frame["equity"][k] for k in (0, 94, -1)], rel=1e-5
    )
    assert curve["shown"].startswith("3 of 189 rows")
    assert asked(lake, "overfit").structured_content["facts"]["verdict"] == lake.overfit().verdict


def test_an_argument_that_a_tool_does_not_know_is_refused_and_not_passed_over(lake):
    done = asked(lake, "overfit", strategy="cross")
    assert done.is_error and "no argument 'strategy'" in done.content[0].text
    assert "Labels go into filters" in done.content[0].text
    done = asked(lake, "study", study="s")
    assert done.is_error and done.content[0].text.startswith("no argument 'study'")


@pytest.mark.slow
def test_without_leave_nothing_can_be_changed(lake):
    names = {tool.name for tool in client(lake, lambda talking: talking.list_tools()).tools}
    assert not names & {"tag", "untag", "note", "delete"}

    before = lake.runs(columns=["run_id", "tags", "notes"]).rows()
    for name, arguments in {
        "tag": {"tag": "x", "runs": ["run001"]},
        "untag": {"tag": "x", "runs": ["run001"]},
        "note": {"text": "x", "runs": ["run001"]},
        "run": {"function": "os:getcwd"},
        "run_sweep": {"function": "os:getcwd", "grid": {"n": [1]}},
    }.items():
        done = client(lake, lambda talking, n=name, a=arguments: talking.call_tool(n, a))
        assert done.is_error and done.content[0].text == f"Unknown tool: {name}"
    assert lake.runs(columns=["run_id", "tags", "notes"]).rows() == before
    assert asked(lake, "sql", query="delete from runs").is_error
    assert len(lake) == 60


def test_more_rows_than_fit_are_told(lake):
    found = asked(lake, "list_runs", n=60, kb=1).structured_content
    assert 0 < len(found["rows"]) < 60
    assert (
        found["shown"] == f"{len(found['rows'])} of 60 rows; ask for fewer columns, or for more kb"
    )
    assert (
        asked(lake, "list_runs", n=7).structured_content["shown"]
        == "7 of 60 rows; ask for more by n"
    )


def test_what_holds_nothing_is_left_out():
    done = rows(["a", "b"], [(1, None), (float("nan"), None)])
    assert done.structured_content == {
        "columns": ["a"],
        "rows": [[1], [None]],
        "shown": "2 of 2 rows",
        "note": "",
    }


def test_a_decimal_is_a_number():
    done = rows(["a", "b"], [(Decimal("1.50"), Decimal("0.1234567"))])
    assert done.structured_content["rows"] == [[1.5, 0.123457]]


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_stranger_asks_is_answered_or_refused_in_words(lake, text):
    text = text.encode("utf-8", "replace").decode()
    for tool, arguments in {
        "best": {"metric": text},
        "aggregate": {"by": [text]},
        "sweep": {"strategy": text, "x": text},
        "show_run": {"run": text},
        "compare": {"runs": [text, text]},
        "list_runs": {"filters": {"where": text}},
        "lookup": {"strategy": text, "params": {text: text}},
        "overfit": {"filters": {"strategy": text}},
        "schema": {"table": text},
        "sql": {"query": text},
        "portfolio": {"runs": [text, text]},
        "study": {"name": text},
        "certify": {"run": text},
    }.items():
        done = asked(lake, tool, **arguments)
        said = done.content[0].text
        assert "Traceback" not in said and len(said) < 20_000
        if done.is_error:
            assert said != f"Error executing tool {tool}", (tool, "an error without words")
    assert len(lake) == 60


def test_a_slow_question_is_ended(lake):
    slow = "select count(*) from range(100000000) a, range(100000) b"

    async def talk(talking: Any) -> Any:
        return await talking.call_tool("sql", {"query": slow})

    done = client(lake, talk, seconds=0.3)
    assert done.is_error and "took more than 0.3 s" in done.content[0].text
    assert not asked(lake, "info").is_error


@pytest.mark.slow
def test_an_agents_program_starts_it(lake, tmp_path: Path):
    from mcp import StdioServerParameters
    from mcp.client.stdio import stdio_client

    script = "import sys; from bt_lake.cli.main import run; sys.exit(run(sys.argv[1:]))"
    started = StdioServerParameters(
        command=sys.executable,
        args=["-c", script, "--lake", str(lake.path), "mcp"],
        env={**os.environ},
    )

    async def main() -> Any:
        async with mcp.Client(stdio_client(started)) as talking:
            prompt = await talking.get_prompt("judge", {"strategy": "cross"})
            return prompt, await talking.call_tool("info", {})

    prompt, done = asyncio.run(main())
    assert "overfit" in prompt.messages[0].content.text
    assert done.structured_content["facts"]["runs"] == 60


def program(folder: Path) -> str:
    (folder / "made.py").write_text(
        "import time\n\n\n"
        "def run(n: int = 1, wait: float = 0.0):\n"
        "    print('noise on stdout')\n"
        "    time.sleep(wait)\n"
        "    return {'metrics': {'sharpe_ratio': n / 10}}\n\n\n"
        "def other():\n    return {'metrics': {'sharpe_ratio': 9.0}}\n"
    )
    return f"{folder / 'made.py'}:run"


@pytest.mark.slow
def test_what_is_allowed_is_run_within_its_number_of_trials(tmp_path: Path):
    lake = bt_lake.open(tmp_path / "lake")
    lake.study("s", hypothesis="x", budget=2)
    target = program(tmp_path)

    async def talk(talking: Any) -> Any:
        told = {}
        told["tools"] = {tool.name: tool for tool in (await talking.list_tools()).tools}
        for name, tool, arguments in (
            ("once", "run", {"params": {"n": 3}, "options": {"study": "s"}}),
            ("many", "run_sweep", {"grid": {"n": [1, 2, 3, 4, 5]}}),
            ("some", "run_sweep", {"grid": {"n": [1, 2]}, "options": {"symbol": "A"}}),
            ("spent", "run_sweep", {"grid": {"n": [7, 8]}, "options": {"study": "s"}}),
            ("other", "run", {"function": target.replace(":run", ":other")}),
            ("option", "run", {"options": {"store": "x"}}),
        ):
            told[name] = await talking.call_tool(tool, {"function": target, **arguments})
        return told

    told = client(lake, talk, allow=[target], max_trials=5, seconds=60)
    assert target in told["tools"]["run"].description
    assert not told["tools"]["run"].annotations.read_only_hint
    assert told["once"].structured_content["facts"]["trials_left"] == 4, told["once"]
    assert "5 trials, and 4 are left for this server" in told["many"].content[0].text
    assert told["some"].structured_content["facts"]["trials_left"] == 2, told["some"]
    assert "has 1 of 2 trials left, and this is 2" in told["spent"].content[0].text
    assert "may not be run; there are" in told["other"].content[0].text
    assert "no option 'store'" in told["option"].content[0].text
    assert sorted(lake.runs()["sharpe_ratio"].to_list()) == [0.1, 0.2, 0.3]
    assert lake.study("s").standing.trials == 1


@pytest.mark.slow
def test_a_run_that_takes_too_long_is_stopped(tmp_path: Path):
    lake = bt_lake.open(tmp_path / "lake")
    lake.create()
    target = program(tmp_path)

    async def talk(talking: Any) -> Any:
        return await talking.call_tool("run", {"function": target, "params": {"wait": 60}})

    done = client(lake, talk, allow=[target], seconds=1.5)
    assert "after 1.5 s" in done.content[0].text
    assert len(lake) == 0


@pytest.mark.slow
def test_every_call_is_put_on_record(lake, tmp_path: Path):
    own = bt_lake.open(tmp_path / "lake")
    own.save(strategy="m", metrics={"sharpe_ratio": 1.0}, run_id="r1")
    own.tag("good", "r1")
    journal = Journal(own.store.layout)

    async def talk(talking: Any) -> None:
        await talking.call_tool("best", {"metric": "sharpe_ratio"})
        await talking.call_tool("show_run", {"run": "nope"})
        await talking.read_resource("lake://run/r1")

    client(own, talk, journal=journal)
    journal.close()
    told = own.history().rows()
    assert [row[1] for row in told] == [
        "asked lake://run/r1",
        "asked show_run",
        "asked best",
        "tag",
    ]
    assert "no run 'nope'" in told[1][4] and '"metric": "sharpe_ratio"' in told[2][4]
    assert told[2][3] and told[3][2:] == ("r1", None, "good")
    assert not own.check().damaged
    next(own.path.glob("_calls/*.jsonl")).write_text("no json\n[]\n")
    assert own.history()["what"].to_list() == ["tag"]


def test_a_lake_that_stays_as_it_is_is_served_without_a_record(lake, tmp_path: Path):
    lake.backup(tmp_path / "backups")
    copy = bt_lake.open(next((tmp_path / "backups").glob("*/lake.json")).parent)
    journal = Journal(copy.store.layout)
    assert "is a backup" in journal.why_not
    done = client(copy, lambda talking: talking.call_tool("info", {}), journal=journal)
    assert not done.is_error and not (copy.path / "_calls").exists()


def test_a_client_reads_the_schema_the_page_on_luck_a_run_and_a_report(lake):
    async def talk(talking: Any) -> list[str]:
        names = ("schema", "overfitting", "run/run007", "report/run007")
        read = [await talking.read_resource(f"lake://{name}") for name in names]
        return [found.contents[0].text for found in read]

    schema, page, run, report = client(lake, talk)
    assert "sharpe_ratio" in schema and "the best of many" in page
    assert json.loads(run)["run_id"] == "run007" and "run007" in report


def test_ids_are_short_where_that_names_one_run(tmp_path: Path):
    own = bt_lake.open(tmp_path / "lake")
    twins = [f"{letter}-000000000000" for letter in "ab"]
    for run_id in twins:
        own.save(strategy="m", metrics={"sharpe_ratio": 1.0}, run_id=run_id)
    other = own.save(strategy="m", metrics={"sharpe_ratio": 2.0})
    found = asked(own, "list_runs", sort="sharpe_ratio", columns=["run_id"]).structured_content
    assert {row[0] for row in found["rows"]} == {other[-12:], *twins}
    assert not asked(own, "show_run", run=other[-12:]).is_error


@pytest.mark.slow
def test_over_http_only_who_has_the_token_is_answered(lake, tmp_path: Path):
    import urllib.error
    import urllib.request

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "bt_lake", "--lake", str(lake.path), "mcp", "--http", str(port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = process.stdout.readline().strip()
        header = process.stdout.readline().strip().partition(": ")

        def status(token: str | None) -> int:
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
            request = urllib.request.Request(address, json.dumps(body).encode(), method="POST")
            request.add_header("content-type", "application/json")
            request.add_header("accept", "application/json, text/event-stream")
            if token:
                request.add_header("authorization", token)
            for _ in range(100):
                try:
                    return urllib.request.urlopen(request, timeout=10).status
                except urllib.error.HTTPError as error:
                    return error.code
                except OSError:
                    time.sleep(0.1)
            raise AssertionError("the server does not answer")

        assert status(None) == status("Bearer wrong") == 401
        assert status(header[2]) != 401

        async def talk() -> Any:
            import httpx2
            from mcp.client.streamable_http import streamable_http_client

            async with httpx2.AsyncClient(headers={header[0]: header[2]}) as web:
                made = streamable_http_client(address, http_client=web)
                async with mcp.Client(made) as talking:
                    return await talking.call_tool("info", {})

        assert asyncio.run(talk()).structured_content["facts"]["runs"] == 60
    finally:
        process.terminate()
        process.wait(20)
