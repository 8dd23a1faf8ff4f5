"""The server: which tools it offers, and how it speaks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bt_lake._version import __version__
from bt_lake.warehouse.errors import MissingExtra, UnknownName

try:
    from mcp.server import MCPServer
    from mcp.types import CallToolResult, TextContent, ToolAnnotations
except ModuleNotFoundError as missing:
    raise MissingExtra.needs("the agents' server", "mcp") from missing

from bt_lake.agents import resources
from bt_lake.agents.answers import answering
from bt_lake.agents.running import Runner
from bt_lake.agents.tools import Tools
from bt_lake.warehouse.calls import Journal

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


def server(
    lake: Lake,
    *,
    write: bool = False,
    seconds: float = 30.0,
    allow: Sequence[str] = (),
    max_trials: int = 100,
    journal: Journal | None = None,
) -> MCPServer:
    """The tools of a lake; `allow` names functions that may be run, `journal` keeps each call."""
    tools = Tools(lake, seconds)
    made = MCPServer(
        "bt-lake", instructions=_INSTRUCTIONS, version=__version__, log_level="WARNING"
    )
    if journal is not None:
        made.middleware.append(_noting(journal))

    known: dict[str, Mapping[str, inspect.Parameter]] = {}

    def offer(
        tool: Callable[..., CallToolResult], *, reads: bool, again: bool = True, also: str = ""
    ) -> None:
        hints = ToolAnnotations(
            read_only_hint=reads,
            destructive_hint=False,
            idempotent_hint=again,
            open_world_hint=False,
        )
        described = inspect.cleandoc(f"{tool.__doc__}{also}")
        known[tool.__name__] = inspect.signature(tool).parameters
        made.tool(annotations=hints, description=described)(answering(tool))

    for tool in tools.reading:
        offer(tool, reads=True)
    for tool in tools.writing if write else ():
        offer(tool, reads=False)
    if allow:
        runner = Runner(lake, allow, max_trials, seconds)
        named = f" The functions are: {', '.join(allow)}."
        offer(runner.run, reads=False, again=False, also=named)
        offer(runner.run_sweep, reads=False, again=False, also=named)
    resources.offer(made, tools)
    made.middleware.append(_knowing(known))

    @made.prompt(title="Judge a strategy")
    def judge(strategy: str) -> str:
        """What a strategy's trials are worth, step by step."""
        return _JUDGE.format(strategy=strategy)

    return made


def _knowing(known: Mapping[str, Mapping[str, inspect.Parameter]]) -> Callable[..., Any]:
    """An argument that a tool does not know is refused: passed over, it would answer another
    question than was asked, such as one of all runs for one of a study's."""

    async def look(context: Any, call_next: Any) -> Any:
        params = dict(context.params or {})
        takes = known.get(str(params.get("name"))) if context.method == "tools/call" else None
        given = params.get("arguments") or {}
        if takes is not None and isinstance(given, dict):
            hint = " Labels go into filters: {...}." if "filters" in takes else ""
            for name in (name for name in given if name not in takes):
                error = UnknownName.near("argument", str(name), takes, hint)
                return CallToolResult(
                    content=[TextContent(type="text", text=str(error))], is_error=True
                )
        return await call_next(context)

    return look


def _noting(journal: Journal) -> Callable[..., Any]:
    """Each call of a tool is put on record, with the client that made it and how it ended."""

    async def note(context: Any, call_next: Any) -> Any:
        if context.method not in ("tools/call", "resources/read"):
            return await call_next(context)
        params = dict(context.params or {})
        what = str(params.get("name") or params.get("uri") or "")
        said = "it did not end"
        try:
            done = await call_next(context)
            failed = getattr(done, "is_error", False) or (
                isinstance(done, dict) and done.get("isError", False)
            )
            said = _first_words(done) if failed else ""
            return done
        except Exception as error:
            said = str(error) or type(error).__name__
            raise
        finally:
            journal.write(_client(context), what, params.get("arguments") or {}, said)

    return note


def _first_words(done: Any) -> str:
    content = done.get("content") if isinstance(done, dict) else done.content
    first = content[0] if content else ""
    return str(first.get("text", "") if isinstance(first, dict) else getattr(first, "text", ""))


def _client(context: Any) -> str:
    told = getattr(context.session.client_params, "client_info", None)
    return f"{told.name} {told.version}" if told is not None else "a program"
