"""init, info, recompute, compact: making a lake and looking after it."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Option
from bt_lake.cli.fields import Field, field, figure, plain
from bt_lake.cli.output import Format, Output
from bt_lake.cli.sections import Section, stacked
from bt_lake.cli.session import Session
from bt_lake.wording.values import count, size, times

if TYPE_CHECKING:
    from bt_lake.queries.census import Census
    from bt_lake.warehouse.layout import Layout
    from bt_lake.warehouse.upkeep import Upkeep

_WIDTH = 80


def init(
    session: Session,
    shared: Annotated[
        bool,
        Option("--shared", help="Let the folder's group write, whatever the umask of each user."),
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
        messages.say(f"there is a lake at {layout.address} already")
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
    sizes = figure("bytes", size, title="size")
    return [plain("table"), *counts, sizes, field("total_trades").titled("not compacted")]


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
        Option(
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
