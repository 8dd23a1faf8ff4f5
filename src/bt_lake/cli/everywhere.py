"""What every command takes, wherever it stands: which lake, and how long to wait for others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from bt_lake.cli.declaring import Option
from bt_lake.cli.ending import Ended
from bt_lake.cli.session import Session
from bt_lake.warehouse import settings

_VALUED = ("--lake", "--wait")


def everywhere(
    lake: Annotated[
        Path, Option(envvar="BT_LAKE", metavar="PATH", help="The lake's folder.")
    ] = Path("lake"),
    existing: Annotated[
        bool,
        Option("--existing", help="Never make a lake: it must be there. $BT_LAKE_EXISTING."),
    ] = False,
    wait: Annotated[
        float | None,
        Option(
            metavar="SECONDS",
            min=0,
            show_default="60",
            help="How long to wait for another process. $BT_LAKE_WAIT.",
        ),
    ] = None,
    version: Annotated[bool, Option("--version", help="Say the version.")] = False,
) -> Session:
    """A lake that remembers every backtest you ever ran, and answers questions about them.

    \b
    Examples:
      bt-lake ingest results/
      bt-lake best sharpe_ratio -n 5
      bt-lake sweep sma_cross -x fast -y slow -m sharpe_ratio
      bt-lake --lake ~/lakes/crypto list --since 2026-11-01
    """
    if version:
        from bt_lake import __version__
        from bt_lake.cli.output import Output

        Output().lines([f"bt-lake {__version__}"])
        raise Ended
    return Session(
        lake,
        existing=existing or settings.existing(),
        wait_s=settings.wait_s() if wait is None else wait,
    )


def lake_first(arguments: Sequence[str]) -> list[str]:
    """What every command takes may stand anywhere; Typer wants it before the command."""
    first, rest, left = list[str](), list[str](), list(arguments)
    while left and left[0] != "--":
        argument = left.pop(0)
        name, sign, _ = argument.partition("=")
        if argument in _VALUED and left:
            first += [argument, left.pop(0)]
        else:
            common = argument == "--existing" or (sign and name in _VALUED)
            (first if common else rest).append(argument)
    return first + rest + left
