"""`bt-lake`: the command line of a lake."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bt_lake.cli import messages, stopping
from bt_lake.cli.binding import Interrupted
from bt_lake.cli.output import Output
from bt_lake.cli.registry import SETTINGS, Commands
from bt_lake.cli.session import Session
from bt_lake.cli.stream import ReaderGone
from bt_lake.warehouse import settings
from bt_lake.warehouse.errors import LakeError, did_you_mean

STOPPED = 128  # and the number of the signal: 130 for Ctrl-C, 143 for SIGTERM
_EVERYWHERE = ("--lake", "--wait")

app = typer.Typer(
    name="bt-lake",
    cls=Commands,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=dict(SETTINGS),
)


def _version(wanted: bool) -> None:
    if wanted:
        from bt_lake import __version__

        Output().lines([f"bt-lake {__version__}"])
        raise typer.Exit


@app.callback()
def bt_lake(
    context: typer.Context,
    lake: Annotated[
        Path, typer.Option(envvar="BT_LAKE", metavar="PATH", help="The lake's folder.")
    ] = Path("lake"),
    existing: Annotated[
        bool,
        typer.Option("--existing", help="Never make a lake: it must be there. $BT_LAKE_EXISTING."),
    ] = False,
    wait: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0,
            show_default="60",
            help="How long to wait for another process. $BT_LAKE_WAIT.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """A lake that remembers every backtest you ever ran, and answers questions about them.

    \b
    Examples:
      bt-lake ingest results/
      bt-lake best sharpe_ratio -n 5
      bt-lake sweep sma_cross -x fast -y slow -m sharpe_ratio
      bt-lake --lake ~/lakes/crypto list --since 2026-11-01
    """
    context.obj = Session(
        lake,
        existing=existing or settings.existing(),
        wait_s=settings.wait_s() if wait is None else wait,
    )


def main() -> None:
    stopping.listen()
    said = set[str]()  # one command asks several questions
    warnings.showwarning = lambda message, *_, **__: messages.warn_once(str(message), said)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; every way it can end as an exit code."""
    try:
        return _invoke(lake_first(arguments)) or 0
    except ReaderGone:
        return 0
    except LakeError as error:
        messages.error(str(error))
        return error.exit_code
    except typer.TyperException as error:
        return _misused(error)
    except (Interrupted, KeyboardInterrupt, typer.Abort) as stop:
        messages.say(": ".join(filter(None, ("interrupted", str(stop)))))
        return STOPPED + getattr(stop, "number", signal.SIGINT)
    except Exception:
        return _bug()


def _invoke(arguments: list[str]) -> Any:
    command = typer.main.get_command(app)
    return command.main(arguments, prog_name="bt-lake", standalone_mode=False)


def lake_first(arguments: Sequence[str]) -> list[str]:
    """What every command takes may stand anywhere; Typer wants it before the command."""
    first, rest, left = list[str](), list[str](), list(arguments)
    while left and left[0] != "--":
        argument = left.pop(0)
        name, sign, _ = argument.partition("=")
        if argument in _EVERYWHERE and left:
            first += [argument, left.pop(0)]
        else:
            common = argument == "--existing" or (sign and name in _EVERYWHERE)
            (first if common else rest).append(argument)
    return first + rest + left


def _misused(error: typer.TyperException) -> int:
    """What is wrong with the command line, in one form for everything that can be."""
    text = error.format_message().rstrip()
    if text.startswith("Usage:"):  # no command at all: the help itself
        messages.say(text)
        return 2
    parameter = getattr(error, "param", None)
    if isinstance(error, typer.BadParameter) and parameter is not None and error.message:
        text = f"{_spelt(parameter)}: {error.message}"
    context = getattr(error, "ctx", None)
    if hasattr(error, "possibilities") and context is not None:  # an option that there is not
        known = [name for each in context.command.params for name in each.opts if name[:2] == "--"]
        given = str(getattr(error, "option_name", ""))
        text = f"no such option: {given}{did_you_mean(given, known)}"
    path = context.command_path if context else "bt-lake"
    messages.error(f"{text[:1].lower()}{text[1:]}\n`{path} --help` tells more.")
    return 2


def _spelt(parameter: Any) -> str:
    return str(max(parameter.opts, key=len) if parameter.opts else parameter.name)


def _bug() -> int:
    import platform
    import traceback

    from bt_lake import __version__

    messages.say(traceback.format_exc().rstrip())
    messages.error(
        "this is a bug in bt-lake, not your mistake. Please report it with the lines above, the\n"
        f"command, and: bt-lake {__version__}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}."
    )
    return 1
