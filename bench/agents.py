"""An agent's client asks every tool of a large lake: how long, and how many bytes come.

    python bench/agents.py [--runs N] [--json FILE]

Medians of five, by the protocol within one process; asked: 0.5 s and 8 KB each at 100,000 runs.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import mcp
from queries_lake import build
from report import Report

from bt_lake.agents.server import server
from bt_lake.lake import Lake
from bt_lake.warehouse.calls import Journal

TRIES = 5
STRATEGY = "strategy_150"


def questions(run: str, other: str) -> dict[str, dict[str, Any]]:
    return {
        "list_runs": {},
        "best": {},
        "aggregate": {"by": ["strategy"]},
        "sweep": {"strategy": STRATEGY, "x": "fast", "y": "slow"},
        "compare": {"runs": [run, other]},
        "show_run": {"run": run},
        "curve": {"run": run},
        "trades": {"run": run},
        "drawdowns": {"run": run},
        "lookup": {"strategy": STRATEGY, "params": {"fast": 10, "slow": 50}},
        "overfit": {"filters": {"strategy": STRATEGY}},
        "metrics": {},
        "schema": {},
        "sql": {"query": "select symbol, count(*) as n from runs group by 1 order by 2 desc"},
        "info": {},
        "portfolio": {"runs": [run, other]},
        "study": {"name": "s"},
        "certify": {"run": run},
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=100_000)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    report = Report("agents")
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder, "lake"), given.runs, min(given.runs, 2_000))
        lake = Lake(Path(folder, "lake"))
        lake.study("s", hypothesis="crosses tell", budget=100)
        asyncio.run(ask(lake, report))
    report.finish(given.json)


async def ask(lake: Lake, report: Report) -> None:
    run, other = lake.sql("select run_id from equity group by 1 order by 1 limit 2")["run_id"]
    journal = Journal(lake.store.layout)
    async with mcp.Client(server(lake, journal=journal)) as client:
        for tool, arguments in questions(run, other).items():
            seconds = []
            for _ in range(TRIES):
                started = time.perf_counter()
                done = await client.call_tool(tool, arguments)
                seconds.append(time.perf_counter() - started)
            said = done.content[0].text
            assert not done.is_error, said
            report.row(tool, "bt-lake", 1000 * statistics.median(seconds), "ms", "500 ms")
            report.row(tool, "bt-lake", len(said.encode()) / 1024, "KB", "8 KB")


if __name__ == "__main__":
    main()
