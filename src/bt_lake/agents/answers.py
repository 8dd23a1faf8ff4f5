"""How an answer is told to a program that reads by the token: small, whole, and honest about it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypedDict

from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent

from bt_lake.warehouse.errors import LakeError
from bt_lake.wording.plain import plainly

USUAL_KB = 8
MOST_KB = 256
_DIGITS = 6
_LONGEST = 1_000  # characters of a text
_LONG = 6_000  # of what a person reads
P = ParamSpec("P")


class Rows(TypedDict):
    """Rows of an answer, each a list of values in the order of `columns`."""

    columns: list[str]
    rows: list[list[Any]]
    shown: str  # how many of how many rows, and how to get more
    note: str  # what a reader of these numbers should know


class Facts(TypedDict):
    """What is known of one thing."""

    facts: dict[str, Any]
    text: str  # the same as a person reads it


class Done(TypedDict):
    """What was changed."""

    runs: int
    text: str


def rows(
    columns: Sequence[str],
    found: Iterable[Sequence[Any]],
    *,
    total: int | None = None,
    note: str = "",
    kb: int = USUAL_KB,
) -> CallToolResult:
    """As many rows as fit into so many kilobytes; columns that hold nothing are left out."""
    every = [list(row) for row in found]
    told_of = [n for n in range(len(columns)) if any(row[n] is not None for row in every)]
    if every:
        columns = [columns[place] for place in told_of]
    lines = [[plain(row[place]) for place in told_of] for row in every]
    room = 1024 * min(max(kb, 1), MOST_KB) - len(compact([columns, note])) - 200
    kept: list[list[Any]] = []
    for line in lines:
        room -= len(compact(line).encode()) + 1
        if room < 0 and kept:
            break
        kept.append(line)
    whole = len(lines) if total is None else total
    shown = f"{len(kept):,} of {whole:,} rows"
    if len(kept) < len(lines):
        shown += "; ask for fewer columns, or for more kb"
    elif len(kept) < whole:
        shown += "; ask for more by n"
    return told(Rows(columns=plain(columns), rows=kept, shown=shown, note=plain(note)))


def facts(known: Mapping[str, Any], text: str = "") -> CallToolResult:
    said = {n: v for n, v in plain(known).items() if v not in (None, [], {}, "")}
    return told(Facts(facts=said, text=cut(text, _LONG)))


def told(body: Mapping[str, Any]) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=compact(body))], structured_content=dict(body)
    )


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def cut(text: str, longest: int) -> str:
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text):,} characters)"


# More digits than six say nothing that a search could use.
plain = plainly(
    number=lambda value: float(f"{value:.{_DIGITS}g}"),
    moment=lambda value: value.isoformat(timespec="seconds"),
    words=lambda text: cut(text, _LONGEST),
)


def answering(tool: Callable[P, CallToolResult]) -> Callable[P, CallToolResult]:
    """What is wrong with a question is said in the words of the product."""

    @functools.wraps(tool)
    def ask(*given: P.args, **named: P.kwargs) -> CallToolResult:
        try:
            return tool(*given, **named)
        except LakeError as error:
            raise ToolError(plain(str(error))) from None

    return ask
