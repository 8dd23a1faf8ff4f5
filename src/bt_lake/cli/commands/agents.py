"""mcp: the lake as tools for programs that search."""

from __future__ import annotations

import os
from typing import Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Option
from bt_lake.cli.output import Output
from bt_lake.cli.session import Session


def mcp(
    session: Session,
    write: Annotated[bool, Option("--write", help="Offer tag, untag and note, too.")] = False,
    allow: Annotated[
        list[str] | None,
        Option(metavar="FUNCTION", help="Offer to run it: module:function, file.py:function."),
    ] = None,
    max_trials: Annotated[
        int, Option(metavar="N", min=1, help="Run so many trials at most, in all.")
    ] = 100,
    timeout: Annotated[
        float, Option(metavar="SECONDS", min=0.1, help="End what takes longer.")
    ] = 30.0,
    http: Annotated[
        int | None,
        Option(metavar="PORT", min=1, max=65_535, help="Serve on 127.0.0.1, with a token."),
    ] = None,
) -> None:
    """Serve the lake to an agent, by the Model Context Protocol.

    Speaks on stdin and stdout, so that the agent's program starts it; with --http on a port of this
    machine, to whoever sends the token ($BT_LAKE_MCP_TOKEN, or a new one that is printed). Reads
    only, unless --write or --allow. Every call is put on record: `bt-lake history`.

    \b
    Examples:
      bt-lake mcp --lake /data/lake
      bt-lake mcp --lake /data/lake --write --timeout 60
      bt-lake mcp --allow strategies.py:momentum --max-trials 50 --timeout 600
      bt-lake mcp --http 8323
    """
    from bt_lake.agents.server import server
    from bt_lake.warehouse.calls import Journal

    session.store.layout.check_format()
    journal = Journal(session.store.layout)
    if journal.why_not:
        messages.warn(f"calls are not put on record: {journal.why_not}")
    made = server(
        session.lake,
        write=write,
        seconds=timeout,
        allow=allow or (),
        max_trials=max_trials,
        journal=journal,
    )
    if http is None:
        made.run("stdio")
        return
    from bt_lake.agents.http import serve

    def started(address: str, token: str) -> None:
        Output().lines([address])
        if not os.environ.get("BT_LAKE_MCP_TOKEN"):
            Output().lines([f"Authorization: Bearer {token}"])
        messages.say("Ctrl-C ends it")

    serve(made, http, os.environ.get("BT_LAKE_MCP_TOKEN"), started)
