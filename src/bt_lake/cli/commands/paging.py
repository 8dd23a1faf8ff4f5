"""page: the lake in a browser."""

from __future__ import annotations

import os
import sys
from typing import Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Option
from bt_lake.cli.output import Output
from bt_lake.cli.session import Session


def page(
    session: Session,
    host: Annotated[
        str, Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 is every network.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        Option(min=0, max=65_535, show_default="8321, or the next free one", help="0: any."),
    ] = None,
    read_only: Annotated[
        bool, Option("--read-only", help="Change nothing: no tags, notes, deleting, runs.")
    ] = False,
    allow: Annotated[
        list[str] | None,
        Option(
            metavar="FUNCTION", help="module:function that may be run from the page, or a folder."
        ),
    ] = None,
    no_open: Annotated[
        bool, Option("--no-open", help="Print the address and open no browser.")
    ] = False,
) -> None:
    """Look at the lake in a browser: runs, curves, sweeps.

    Prints an address with a token, without which nothing is answered. Ctrl-C ends it.

    \b
    Examples:
      bt-lake page
      bt-lake page --read-only --no-open
      bt-lake page --lake demo-lake --port 8400
      bt-lake page --allow bt_lake.examples.sma_cross:run --allow strategies/
    """
    from bt_lake.page.serving import serve

    if session.existing:
        session.store.layout.check_format()
    out = Output()

    def started(url: str) -> None:
        out.lines([url])
        messages.say(f"the page of {session.path} is there · Ctrl-C ends it")
        if not no_open and _has_display():
            import webbrowser

            webbrowser.open(url)

    busy = serve(
        session.path,
        existing=session.existing,
        wait_s=session.wait_s,
        host=host,
        port=port,
        read_only=read_only,
        allow=allow or (),
        started=started,
    )
    messages.say("the page has ended")
    if busy:
        sys.stdout.flush()
        os._exit(0)


def _has_display() -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
