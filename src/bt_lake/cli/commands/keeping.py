"""init, check, compact: making a lake and looking after it."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from bt_lake.cli import messages
from bt_lake.cli.fields import Field, plain
from bt_lake.cli.output import Output
from bt_lake.cli.session import Session
from bt_lake.cli.sizes import Extent, bytes_text

_DAMAGED = 4


def init(session: Session) -> None:
    """Make an empty lake. (The first write makes one, too.)

    \b
    Examples:
      bt-lake init
      bt-lake init --lake ~/lakes/crypto
    """
    layout = session.store.layout
    if layout.exists:
        layout.check_format()
        messages.say(f"there is a lake at {layout.root} already")
        return
    layout.create()
    messages.say(f"made a lake at {layout.root}")


def check(
    session: Session,
    out: Output,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be mended without losing data.")
    ] = False,
) -> int:
    """Look for every kind of damage, and say what to do about it.

    Ends with exit code 4 where answers are wrong or impossible; what only takes up room is
    listed, too.

    \b
    Examples:
      bt-lake check
      bt-lake check --repair
      bt-lake check --format json
    """
    started = time.perf_counter()
    report = session.store.check(repair=repair)
    names = ["kind", "path", "message", "remedy", "damage", "repaired"]
    rows = [tuple(getattr(finding, name) for name in names) for finding in report.findings]
    if out.is_table:
        for finding in report.findings:
            grade = "damage" if finding.damage else "waste"
            done = finding.repaired or f"to do: {finding.remedy}"
            out.lines([f"{grade}: {finding.path}: {finding.message}", f"  {done}"])
    else:
        out.rows(names, rows)
    found = f"{len(rows)} finding{'s' * (len(rows) != 1)}" if rows else "nothing wrong"
    messages.note(found, f"{report.files:,} files looked at", messages.took(started))
    return _DAMAGED if report.damaged else 0


def compact(
    session: Session,
    grace: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="How long readers may go on using replaced files.",
            show_default="60",
        ),
    ] = None,
) -> None:
    """Fold small files into large ones, and drop the curves of deleted runs.

    Appends do it now and then by themselves; summary rows are always kept.

    \b
    Examples:
      bt-lake compact
      bt-lake compact --grace 0
    """
    store = session.existing()
    before = Extent.of(store)
    changed = store.compact(grace_s=grace)
    after = Extent.of(store)
    if not changed:
        messages.note("nothing to do", f"{after.files:,} files", bytes_text(after.bytes))
        return
    messages.note(
        f"{before.files:,} files became {after.files:,}",
        f"{bytes_text(before.bytes)} became {bytes_text(after.bytes)}",
        messages.took(session.started),
    )


def info_fields() -> list[Field]:
    return [plain("what"), plain("value")]
