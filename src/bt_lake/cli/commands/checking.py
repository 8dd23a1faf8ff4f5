"""check: look for damage, and mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Option
from bt_lake.cli.output import Format, Output, Row
from bt_lake.cli.session import Session
from bt_lake.warehouse.errors import BadInput
from bt_lake.wording.values import one_line, size

if TYPE_CHECKING:
    from bt_lake.warehouse.findings import Findings

_DAMAGED = 4


def check(
    session: Session,
    out: Output,
    deep: Annotated[
        bool, Option("--deep", help="Read every byte and value; as --repair does.")
    ] = False,
    since: Annotated[
        str | None,
        Option(metavar="TIME", help="Only files that are newer: 7d, 2026-11-01."),
    ] = None,
    repair: Annotated[bool, Option("--repair", help="Do what `check` says --repair does.")] = False,
    dry_run: Annotated[
        bool,
        Option("--dry-run", help="Say what --repair would do, and what could be read then."),
    ] = False,
    source: Annotated[
        str | None,
        Option(
            "--from", metavar="BACKUP", help="Take whole files from here first (with --repair)."
        ),
    ] = None,
    undo: Annotated[
        bool, Option("--undo", help="Take the last repair back, from _quarantine.")
    ] = False,
) -> int:
    """Look for damage, and say what to do about it.

    Looks at names, sizes and footers, and for runs that are in twice; --deep reads every byte and
    proves it by its digest, and looks for rows that break a rule. Ends with exit code 4 where
    answers are wrong or impossible; what only takes up room is listed, too. Without --repair
    nothing is changed: each finding says what --repair would do. What a repair takes out goes to
    _quarantine, and --undo brings it back. A file that may not be read, or a folder that is away,
    is never repaired. Warns of runs that differ though their code, params and data are the same.

    \b
    Examples:
      bt-lake check
      bt-lake check --deep --since 7d
      bt-lake check --repair --dry-run
      bt-lake check --repair --from /backups/lake
      bt-lake check --undo
    """
    mending = repair or dry_run
    if undo:
        if mending or source or deep or since:
            raise BadInput("--undo goes alone")
        return _undo(session)
    if source and not mending:
        raise BadInput("--from BACKUP belongs to --repair")
    if since and mending:
        raise BadInput("a repair looks at all files: leave --since out")
    with messages.progress("files", size) as shown:
        report = session.lake.check(
            repair=repair, source=source, dry_run=dry_run, deep=deep, since=since, progress=shown
        )
    _write_findings(report, out, "would be: " if dry_run else "")
    messages.note(
        messages.many(len(report.findings), "finding") if report.findings else "nothing wrong",
        f"{messages.many(report.files, 'file')} looked at",
        "" if deep or mending else "--deep reads every byte",
        messages.took(session.started),
    )
    _note_visible(report, dry_run=dry_run)
    if report.damaged or (dry_run and report.before):
        return _DAMAGED
    _warn_of_drift(session)
    _warn_of_definitions(session)
    return 0


def _undo(session: Session) -> int:
    for done in session.lake.undo_repair():
        messages.say(done)
    messages.note("the last repair is undone; `bt-lake check` says how the lake is")
    return 0


def _write_findings(report: Findings, out: Output, would: str) -> None:
    names = ["kind", "path", "message", "remedy", "damage", "repaired"]
    rows: list[Row] = [tuple(getattr(f, name) for name in names) for f in report.findings]
    if out.format is not Format.TABLE:
        out.rows(names, rows)
        return
    told = ""
    for finding in report.findings:
        waste = "gone" if finding.kind == "gone" else "waste"
        grade = out.style("damage", "red") if finding.damage else waste
        done = f"{would}{finding.repaired}" if finding.repaired else f"to do: {finding.remedy}"
        found = one_line(f"{finding.path}: {finding.message}")
        again = waste == "gone" and done == told  # of a thousand runs alike
        out.lines([f"{grade}: {found}", *([f"  {one_line(done)}"] * (not again))])
        told = done


_SEEN = {"runs": "runs", "equity": "runs with a curve", "trades": "runs with trades"}


def _note_visible(report: Findings, *, dry_run: bool) -> None:
    """What a repair makes of what can be read."""
    if report.before:
        after = "after it" if dry_run else "now"
        for table, what in _SEEN.items():
            before, then = report.before[table], report.after[table]
            messages.note(
                f"{what} that can be read: {before:,} before the repair, {then:,} {after}"
            )


def _warn_of_definitions(session: Session) -> None:
    count = session.lake.outdated()
    if count:
        messages.warn(
            f"{messages.many(count, 'run')} have metrics by the definitions of an older version"
            "\n`bt-lake recompute` computes them again"
        )


def _warn_of_drift(session: Session) -> None:
    """Nothing is broken where the same code gives other results, but somebody should look."""
    found = session.lake.ask.drift().dicts() if session.store.layout.exists else []
    if not found:
        return
    first, last = found[0]["first_run"][-8:], found[0]["last_run"][-8:]
    data = "and data" if found[0]["data_is_known"] else "(their function does not name its data)"
    messages.warn(
        f"{messages.many(len(found), 'configuration')} gave different results with the same code, "
        f"params {data}\n`bt-lake compare {first} {last}` shows one"
    )
