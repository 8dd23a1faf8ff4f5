"""The server: which tools it offers, and how it speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bt_lake._version import __version__
from bt_lake.warehouse.errors import MissingExtra

try:
    from mcp.server import MCPServer
    from mcp.types import CallToolResult, ToolAnnotations
except ModuleNotFoundError as missing:
    raise MissingExtra.needs("the agents' server", "mcp") from missing

from bt_lake.agents.answers import answering
from bt_lake.agents.tools import Tools

if TYPE_CHECKING:
    from bt_lake.lake import Lake

_INSTRUCTIONS = """\
A lake of trading backtests. The best of many tries is mostly luck: before you call a run good, ask
`overfit` for all the trials of its strategy, and say how many there were. Before you run a
configuration, ask `lookup` whether it was run already. Numbers are fractions (0.12 is 12 %),
drawdowns are negative, times are UTC. An answer says how many rows of how many it shows."""
_JUDGE = """\
Judge the strategy '{strategy}' in this lake. 1. `list_runs` and `aggregate` by symbol and by year:
how many trials, over which periods? 2. `best` with deflate, then `show_run` of the first. 3.
`overfit` with {{"strategy": "{strategy}"}}: quote its verdict as it stands. 4. If there is a grid,
`sweep` over its two liveliest parameters: a plateau or a peak? 5. `drawdowns` and `trades` of the
best: a few trades that made it all? Then say in five sentences what the numbers support, how many
trials were made, what luck alone would show, and what would have to be tested next."""


def server(lake: Lake, *, write: bool = False, seconds: float = 30.0) -> MCPServer:
    tools = Tools(lake, seconds)
    made = MCPServer(
        "bt-lake", instructions=_INSTRUCTIONS, version=__version__, log_level="WARNING"
    )

    def offer(tool: Callable[..., CallToolResult], *, reads: bool) -> None:
        hints = ToolAnnotations(
            read_only_hint=reads,
            destructive_hint=False,
            idempotent_hint=True,
            open_world_hint=False,
        )
        made.tool(annotations=hints)(answering(tool))

    for tool in tools.reading:
        offer(tool, reads=True)
    for tool in tools.writing if write else ():
        offer(tool, reads=False)

    @made.prompt(title="Judge a strategy")
    def judge(strategy: str) -> str:
        """What a strategy's trials are worth, step by step."""
        return _JUDGE.format(strategy=strategy)

    return made
