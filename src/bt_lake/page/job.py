"""One call of a user's function, or a sweep, in its own process: `python -m bt_lake.page.job`.

The first line of stdin says what to do, as JSON; each line on stdout tells how far it is. When
stdin ends, as somebody pressed stop or the server is gone, it stops as `bt-lake run` on Ctrl-C.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from bt_lake.lake import Lake
from bt_lake.warehouse.errors import BadInput, LakeError
from bt_lake.warehouse.values import Typed

if TYPE_CHECKING:
    from bt_lake.running.sweep import Swept

_TELL_EVERY_S = 0.2
_MOST_IDS = 100
_STOPPED = 130

Say = Callable[..., None]


def main() -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asked = json.loads(sys.stdin.readline())
    say = _speaker(_stdout_of_our_own())
    threading.Thread(target=_stop_when_stdin_ends, daemon=True).start()
    lake = Lake(asked["lake"], existing=asked["existing"], wait=asked["wait_s"])
    sys.path.insert(0, os.getcwd())  # as with `bt-lake run`, which is called here
    try:
        if asked["do"] == "describe":
            _describe(lake, asked["target"], say)
        else:
            _run(lake, asked, say)
    except LakeError as error:
        say("refused", error=str(error))
        return error.exit_code
    except KeyboardInterrupt as stopped:
        say("stopped", text="; ".join(getattr(stopped, "__notes__", ())) or "stopped")
        return _STOPPED
    return 0


def _describe(lake: Lake, target: str, say: Say) -> None:
    found = lake.parameters(target)
    say(
        "parameters",
        parameters=[
            {"name": each.name, "type": each.type, "takes": each.takes, "default": each.default}
            for each in found
        ],
    )


def _run(lake: Lake, asked: dict[str, Any], say: Say) -> None:
    options = {name: value for name, value in asked["options"].items() if value not in (None, [])}
    params = {name: Typed(text) for name, text in asked["params"].items()}
    plan = lake.plan(asked["target"], asked["grid"], params=params, **options)
    most = asked.get("most")
    if most is not None and len(plan.trials) > most:
        raise BadInput(f"{len(plan.trials):,} trials, and {most:,} are left for this server")
    say("planned", total=len(plan.trials), sweep=plan.sweep)
    if plan.sweep is None:
        run_ids, error = lake.run_once(plan)
        text = "the run failed, and is saved" if error else "the run is in the lake"
        say("ended", run_ids=run_ids, error=error, failed=int(error is not None), text=text)
        return
    said = 0.0

    def tell(swept: Swept) -> None:
        nonlocal said
        if time.monotonic() - said >= _TELL_EVERY_S:
            said = time.monotonic()
            say("progress", error=swept.error, **swept.so_far)

    how = {name: asked[name] for name in ("jobs", "keep_going") if asked.get(name) is not None}
    swept = lake.run_sweep(plan, metric=asked["metric"], progress=tell, **how)
    ids = [*swept.held_ids, *swept.run_ids][:_MOST_IDS]
    say("ended", run_ids=ids, error=swept.error, text=str(swept), **swept.so_far)


def _stdout_of_our_own() -> TextIO:
    """What the user's code prints goes to stderr, in whatever way it prints."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return own


def _speaker(out: TextIO) -> Say:
    def say(kind: str, **how: Any) -> None:
        try:
            out.write(json.dumps({"kind": kind, **how}, default=str) + "\n")
            out.flush()
        except OSError:  # nobody is there to hear it; what is finished is kept all the same
            return

    return say


def _stop_when_stdin_ends() -> None:
    while os.read(0, 4096):
        pass
    if os.name == "posix":
        os.kill(os.getpid(), signal.SIGINT)  # raised in this thread it would wake nobody
    else:
        signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
