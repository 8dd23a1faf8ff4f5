"""The lake as tools: an agent's client asks each of them, and may be wrong or hostile."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import bt_lake

mcp = pytest.importorskip("mcp", reason="the extra mcp is not installed")

from bt_lake.agents.answers import rows  # noqa: E402
from bt_lake.agents.server import server  # noqa: E402

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
    "tag": {"tag": "good", "runs": ["run003"]},
    "untag": {"tag": "good", "runs": ["run003"]},
    "note": {"text": "looked at", "runs": ["run003"]},
}


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


def test_without_leave_nothing_can_be_changed(lake):
    names = {tool.name for tool in client(lake, lambda talking: talking.list_tools()).tools}
    assert not names & {"tag", "untag", "note", "delete"}

    async def talk(talking: Any) -> Any:
        return await talking.call_tool("tag", {"tag": "x", "runs": ["run001"]})

    with pytest.raises(Exception, match="tag"):
        done = client(lake, talk)
        raise ValueError(done.content[0].text)
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
