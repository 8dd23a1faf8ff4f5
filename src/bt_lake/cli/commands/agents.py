"""mcp: the lake as tools for programs that search."""

from __future__ import annotations

from typing import Annotated

import typer

from bt_lake.cli.session import Session


def mcp(
    session: Session,
    write: Annotated[
        bool, typer.Option("--write", help="Offer tag, untag and note, too; nothing else changes.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="End a question that takes longer.")
    ] = 30.0,
) -> None:
    """Serve the lake to an agent, by the Model Context Protocol.

    Speaks on stdin and stdout, so that the agent's program starts it. Reads only, unless --write.

    \b
    Examples:
      bt-lake mcp --lake /data/lake
      bt-lake mcp --lake /data/lake --write --timeout 60
    """
    from bt_lake.agents.server import server

    server(session.lake, write=write, seconds=timeout).run("stdio")
