"""`bt-lake`: the command line of a lake.

What is imported here stands between a user and the moment at which the lake begins to be opened.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence

from bt_lake.cli import registry, stopping
from bt_lake.cli.binding import Bound
from bt_lake.cli.ending import Ended, Interrupted
from bt_lake.cli.everywhere import everywhere, lake_first
from bt_lake.cli.leaving import leave
from bt_lake.cli.parsing import Unclear, read
from bt_lake.warehouse.errors import LakeError

_TURN_S = 0.005  # of a thread, as Python has it; while things are loaded turns are shorter
STOPPED = 128  # and the number of the signal: 130 for Ctrl-C, 143 for SIGTERM


def main() -> None:
    said = set[str]()  # one command asks several questions
    warnings.showwarning = lambda message, *_, **__: _warn(str(message), said)
    try:
        code = run(sys.argv[1:], _loaded)
        stopping.no_more()
    except KeyboardInterrupt:  # a second one, or just before or behind the command
        code = STOPPED + signal.SIGINT
    leave(code)


def _loaded() -> None:
    sys.setswitchinterval(_TURN_S)
    stopping.listen()


def _warn(text: str, said: set[str]) -> None:
    from bt_lake.cli import messages

    messages.warn_once(text, said)


def run(arguments: Sequence[str], loaded: Callable[[], None] = lambda: None) -> int:
    """Run one command line; every way it can end as an exit code."""
    try:
        return _run(lake_first(arguments), loaded)
    except Ended as ended:
        return ended.exit_code
    except BaseException as error:
        return _failed(error)


def _failed(error: BaseException) -> int:
    from bt_lake.cli import messages
    from bt_lake.cli.stream import ReaderGone

    match error:
        case ReaderGone():
            return 0
        case LakeError():
            messages.error(str(error))
            return error.exit_code
        case Interrupted() | KeyboardInterrupt():
            messages.say(": ".join(filter(None, ("interrupted", str(error)))))
            return STOPPED + getattr(error, "number", signal.SIGINT)
        case Exception():
            return _bug()
        case _:
            raise error


def _run(words: list[str], loaded: Callable[[], None]) -> int:
    try:
        if "_BT_LAKE_COMPLETE" in os.environ:
            raise Unclear
        values, rest = read(Bound(everywhere).parameters, words, group=True)
        if values["version"]:
            everywhere(**values)
        if not rest or rest[0] not in registry.PLACES:
            raise Unclear
        session = everywhere(**values)
        if rest[0] in registry.ASKING and not registry.HELP.intersection(rest):
            session.begin()
        command = registry.bound(rest[0])
        given, _ = read(command.parameters, rest[1:])
    except Unclear:
        from bt_lake.cli import by_typer

        loaded()
        return by_typer.run(words)
    loaded()
    return command(session, given) or 0


def _bug() -> int:
    import platform
    import traceback

    from bt_lake import __version__
    from bt_lake.cli import messages

    messages.say(traceback.format_exc().rstrip())
    messages.error(
        "this is a bug in bt-lake, not your mistake. Please report it with the lines above, the\n"
        f"command, and: bt-lake {__version__}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}."
    )
    return 1
