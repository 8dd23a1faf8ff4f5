"""What a client may read as it is: the schema, the page on luck, a run, a report on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.agents.answers import compact, cut, plain
from bt_lake.warehouse.errors import NotFound
from bt_lake.warehouse.schema import TABLES

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from bt_lake.agents.tools import Tools

_LONGEST = 60_000
_HERE = Path(__file__).parent
# In the package, or in the project that it lies in.
_PAGES = (_HERE / "overfitting.md", _HERE.parents[2] / "docs" / "overfitting.md")
_LONG = ("log", "config", "reported", "sealed")


def offer(made: MCPServer, tools: Tools) -> None:
    @made.resource("lake://schema", title="The columns of all tables", mime_type="application/json")
    def schema() -> str:
        """Every column of every table: name, type, unit, meaning."""
        return json.dumps(
            {
                name: [[c.name, c.kind, c.unit, c.meaning] for c in table.columns]
                for name, table in TABLES.items()
            }
        )

    @made.resource(
        "lake://overfitting", title="Why the best of many is luck", mime_type="text/markdown"
    )
    def overfitting() -> str:
        """What the statistics of luck mean, and how each is computed."""
        for page in _PAGES:
            if page.is_file():
                return page.read_text("utf-8")
        raise NotFound("docs/overfitting.md is not installed with this package")

    @made.resource("lake://run/{run}", title="A run", mime_type="application/json")
    def run(run: str) -> str:
        """All that is known of one run."""
        with tools.asked() as lake:
            found = lake.run(run)
            return compact(plain({n: v for n, v in found.row.items() if n not in _LONG}))

    @made.resource("lake://report/{run}", title="A report on a run", mime_type="text/markdown")
    def report(run: str) -> str:
        """One page on a run: metrics, months, drawdowns, what luck would bring."""
        with tools.asked() as lake:
            return cut(lake.report(run).markdown(), _LONGEST)
