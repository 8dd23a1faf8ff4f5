"""reproduce: what made a run, called again and laid beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Option
from bt_lake.cli.foreign import stdout_kept_clean
from bt_lake.cli.options import Run
from bt_lake.cli.output import Output
from bt_lake.cli.session import Session
from bt_lake.wording.metrics import metric_name
from bt_lake.wording.values import one_line, short_id

if TYPE_CHECKING:
    from bt_lake.running.reproduce import Call, Reproduction

_FAILED = 2
_IN_CONFLICT = 4


def reproduce(
    session: Session,
    run: Run,
    out: Output,
    everything: Annotated[bool, Option("--all", help="Show every metric.")] = False,
    allow: Annotated[
        list[str] | None,
        Option(
            metavar="FUNCTION",
            help="Code outside the current folder that may run for this lake; remembered.",
        ),
    ] = None,
    changed_code: Annotated[
        bool, Option("--changed-code", help="Run the code as it is now.")
    ] = False,
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Run again what made a run, and show both side by side.

    A lake may come from anybody: what is about to run is shown and asked first. It must be a
    function in the current folder, or be allowed, and the code that made the run.
    Ends with exit code 4 if the results differ though neither code nor data has changed.

    \b
    Examples:
      bt-lake reproduce b7d2f19a
      bt-lake reproduce b7d2f19a --yes --format json
      bt-lake reproduce b7d2f19a --allow my.strategies:breakout
    """
    from bt_lake.cli.commands.comparing import compare

    [run_id] = session.lake.ids(run, deleted=True)
    with stdout_kept_clean():
        made = session.lake.reproduce(
            run_id,
            allow=allow or (),
            changed_code=changed_code,
            agree=lambda call: _agree(call, yes=yes),
        )
    compare(session, [run_id, made.run_id], out, everything)
    if made.code_changed:
        messages.warn(f"the code has changed since{_commits(made)}")
    if made.data_changed:
        messages.warn("the data has changed since")
    if made.error is not None:
        messages.error(f"this time it failed: {made.error}")
        return _FAILED
    if made.same:
        messages.note(f"the same numbers as {short_id(run_id)}", "saved")
        return 0
    names = ", ".join(map(metric_name, list(made.differences)[:5]))
    messages.note(f"{len(made.differences)} numbers differ: {names}", "saved")
    if made.unexplained:
        unknown = "" if made.data_changed is False else ", and the function does not name its data"
        messages.error(f"other numbers from the same code{unknown}")
    return _IN_CONFLICT if made.unexplained else 0


def _agree(call: Call, *, yes: bool) -> None:
    shown = one_line(str(call))
    if yes:
        messages.say(f"running {shown}")
    messages.confirm(f"run {shown}?", yes=yes)


def _commits(made: Reproduction) -> str:
    before, now = made.commits
    if before is None or now is None or before == now:
        return ""
    return f": commit {before[:8]} then, {now[:8]} now"
