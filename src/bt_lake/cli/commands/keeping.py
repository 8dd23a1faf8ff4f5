"""init, info, check, compact: making a lake and looking after it."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from bt_lake.cli import messages
from bt_lake.cli.fields import Field, field, plain
from bt_lake.cli.output import Format, Output, Row
from bt_lake.cli.sections import Section, stacked
from bt_lake.cli.session import Session
from bt_lake.cli.values import count, one_line, size, times
from bt_lake.warehouse.errors import BadInput

if TYPE_CHECKING:
    from bt_lake.queries.census import Census
    from bt_lake.warehouse.findings import Report
    from bt_lake.warehouse.layout import Layout
    from bt_lake.warehouse.upkeep import Upkeep

_DAMAGED = 4
_WIDTH = 80


def init(
    session: Session,
    shared: Annotated[
        bool,
        typer.Option(
            "--shared", help="Let the folder's group write, whatever the umask of each user."
        ),
    ] = False,
) -> None:
    """Make an empty lake. (The first write makes one, too.)

    With `--shared` a lake that is there is given to its group; the group is that of its folder.

    \b
    Examples:
      bt-lake init
      bt-lake init --lake ~/lakes/crypto
      bt-lake init --shared --lake /srv/quant/lake
    """
    made, layout = session.lake.create(shared=shared), session.store.layout
    if not made:
        messages.say(f"there is a lake at {layout.root} already")
    if shared:
        _give_to_group(layout)


def _give_to_group(layout: Layout) -> None:
    from bt_lake.warehouse.errors import CannotWrite
    from bt_lake.warehouse.sharing import owner, share

    if left := share(layout):
        first = left[0]
        raise CannotWrite(
            f"{messages.many(len(left), 'folder or file')} of others could not be given to the "
            f"group, the first is {first} of {owner(first.stat())}. "
            "Its owner must run `bt-lake init --shared`, too."
        )
    messages.say(f"its group may write it: {owner(layout.root.stat()).partition(':')[2]}")


def info(session: Session, out: Output) -> None:
    """What the lake holds, takes up, and would gain by compaction.

    \b
    Examples:
      bt-lake info
      bt-lake info --format json
    """
    from bt_lake.warehouse.database import MANY_COMMITS
    from bt_lake.warehouse.upkeep import why_unfolded

    with warnings.catch_warnings(action="ignore", category=UserWarning):  # said below, with why
        census = session.lake.info()
    tables = [
        (name, part.rows, part.files, part.bytes, part.fresh)
        for name, part in census.tables.items()
    ]
    if out.format is Format.TABLE:
        section = _described(census)
        out.lines([*stacked(section, width=out.width or _WIDTH, style=out.style), ""])
        out.table(_info_fields(), tables)
    elif out.format is Format.JSON:
        out.document(asdict(census))
    else:
        out.rows(["table", "rows", "files", "bytes", "fresh_files"], tables)
    if census.spared:
        messages.note(f"`bt-lake compact` would spare {messages.many(census.spared, 'file')}")
    if census.upkeep.standing_commits >= MANY_COMMITS:
        messages.warn(why_unfolded(census.upkeep))
    messages.note(messages.took(session.started))


def _described(census: Census) -> Section:
    section = Section(census.path)
    section.add("lake", f"{census.lake_id}, format {census.format}, epoch {census.epoch}")
    failed = f", {census.failed:,} failed" if census.failed else ""
    deleted = f", {census.deleted:,} deleted" if census.deleted else ""
    section.add("runs", f"{count(census.runs)}{failed}{deleted}")
    if census.runs:
        strategies = "strategy" if census.strategies == 1 else "strategies"
        symbols = messages.many(census.symbols, "symbol")
        section.add("of", f"{count(census.strategies)} {strategies}, {symbols}")
        section.add("made", " to ".join(times([census.first_run_at, census.last_run_at])))
    section.add("size", f"{size(census.bytes)} in {messages.many(census.files, 'file')}")
    _add_upkeep(section, census.upkeep)
    return section


def _add_upkeep(section: Section, upkeep: Upkeep) -> None:
    """What an operator should know, where there is something to know."""
    for work in upkeep.at_work:
        state = f", {work.state}" if work.state else ""
        who = f"pid {work.pid} of {work.user} on {work.host}, since {work.since}{state}"
        section.add(work.lock, who)
    if upkeep.quarantined_files:
        files = messages.many(upkeep.quarantined_files, "file")
        section.add("set aside", f"{size(upkeep.quarantined_bytes)} in {files} in _quarantine")
    if upkeep.free_bytes < 2 * upkeep.compaction_needs_bytes:
        needs = size(upkeep.compaction_needs_bytes)
        section.add("room", f"{size(upkeep.free_bytes)} free; compaction needs up to {needs}")


def _info_fields() -> list[Field]:
    counts = [field("total_trades").titled(title) for title in ("rows", "files")]
    sizes = Field("bytes", "size", lambda values: [size(value) for value in values], right=True)
    return [plain("table"), *counts, sizes, field("total_trades").titled("not compacted")]


def check(
    session: Session,
    out: Output,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every byte and value; as --repair does.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only files that are newer: 7d, 2026-11-01."),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Do what `check` says --repair does.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what --repair would do, and what could be read then."),
    ] = False,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="BACKUP", help="Take whole files from here first (with --repair)."
        ),
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take the last repair back, from _quarantine.")
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
        for done in session.lake.undo_repair():
            messages.say(done)
        messages.note("the last repair is undone; `bt-lake check` says how the lake is")
        return 0
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


def _write_findings(report: Report, out: Output, would: str) -> None:
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


def _note_visible(report: Report, *, dry_run: bool) -> None:
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


def recompute(session: Session) -> None:
    """Compute metrics of older definitions again.

    The lake's own metrics of runs with a curve or trades; what their sources reported is kept.
    Stopped, it goes on where it ended. Compacts the lake, too.

    \b
    Examples:
      bt-lake recompute
    """
    done = session.lake.recompute(progress=lambda done: messages.note(f"{done:,} runs so far"))
    said = f"{messages.many(done, 'run')} computed again" if done else "nothing to do"
    messages.note(said, messages.took(session.started))


def compact(
    session: Session,
    grace: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="How long readers may go on using the files replaced now.",
            show_default="60",
        ),
    ] = None,
) -> None:
    """Fold small files into large ones.

    Appends do it now and then by themselves. The curves and trades of deleted runs are dropped;
    summary rows are always kept.

    \b
    Examples:
      bt-lake compact
      bt-lake compact --grace 0
    """
    before = session.lake.info()
    changed = session.lake.compact(grace_s=grace)
    after = session.lake.info()
    if changed:
        messages.note(
            f"{messages.many(before.files, 'file')} became {after.files:,}",
            f"{size(before.bytes)} became {size(after.bytes)}",
            messages.took(session.started),
        )
    else:
        messages.note("nothing to do", messages.many(after.files, "file"), size(after.bytes))
