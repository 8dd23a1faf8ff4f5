"""Look for every kind of damage, say what to do about it, and mend what can be mended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from bt_lake.warehouse import upkeep
from bt_lake.warehouse.doubles import doubled
from bt_lake.warehouse.errors import Damaged
from bt_lake.warehouse.findings import AWAY, Finding, Findings
from bt_lake.warehouse.furniture import furniture
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.rot import Progress, unreadable
from bt_lake.warehouse.rules import broken_rules
from bt_lake.warehouse.scan import Scan
from bt_lake.warehouse.schema import TABLES
from bt_lake.warehouse.unlisted import unlisted
from bt_lake.warehouse.whole import files

Look = Callable[[Layout], Iterator[Finding]]


def check(
    layout: Layout,
    *,
    repair: bool = False,
    source: Path | None = None,
    deep: bool = True,
    since: float = 0.0,
    progress: Progress | None = None,
) -> Findings:
    """Look at names, sizes and footers; if `deep`, at every byte and every rule of the rows.

    Files that have been as they are since before `since` are taken for whole. A repair is deep.
    """
    report = Findings()
    looks: list[Look] = [furniture, partial(files, since=since), unlisted]
    if deep or repair:
        looks += [partial(unreadable, since=since, progress=progress)]
    if repair:
        _mend(layout, report, [*looks, _rows(doubled), _rows(broken_rules)], source)
    elif deep:
        _look(layout, report, [*looks, _rows(doubled, broken_rules)])
    else:
        _look(layout, report, [*looks, _rows(partial(doubled, tables=("runs",)))])
    report.findings += upkeep.findings(layout)
    report.files = sum(1 for table in TABLES for _ in layout.files(table))
    return report


def _look(layout: Layout, report: Findings, looks: Iterable[Look]) -> None:
    """Each look needs what the one before found to be whole."""
    for look in looks:
        report.findings += look(layout)
        if report.damaged:
            break


def _rows(*looks: Callable[[Scan], Iterable[Finding]]) -> Look:
    """Looks at the rows, which are read once for all of them."""

    def look(layout: Layout) -> Iterator[Finding]:
        scan = Scan(layout)
        try:
            for each in looks:
                yield from scan.steadily(each)
        finally:
            scan.close()

    return look


def _mend(layout: Layout, report: Findings, looks: Iterable[Look], source: Path | None) -> None:
    """Look, mend what was found, look further; then see that nobody has lost sight of a run."""
    from bt_lake.warehouse.gone import gone
    from bt_lake.warehouse.repair import Repair, undo
    from bt_lake.warehouse.visible import Visible

    visible, mender = Visible(layout), None
    for look in looks:
        found = list(look(layout))
        away = any(finding.kind in AWAY for finding in found)
        if not away and any(f.mendable or f.kind == "rotten" for f in found):
            report.before = report.before or visible.note("before")
            mender = mender or Repair(layout, source)
            mender.mend(found)
        report.findings += found
        if report.damaged:
            break
    if mender is not None:
        report.after = visible.note("after")
        if lost := visible.lost():
            undo(layout)
            raise Damaged(
                f"{layout.root}: after the repair {len(lost):,} runs would have been read no more "
                f"that could be before, the first is {lost[0]}. It was taken back. Please report "
                "this."
            )
        report.findings += gone(layout, report.findings, mender.before, source)


def plan(
    layout: Layout, *, source: Path | None = None, progress: Progress | None = None
) -> Findings:
    """What a repair would do, and what could be read then: tried on second names of all files."""
    from bt_lake.warehouse.rehearsal import rehearsal

    with rehearsal(layout) as stage:
        report = check(stage, repair=True, source=source, progress=progress)
    for finding in report.findings:
        finding.message = finding.message.replace(str(stage.root), str(layout.root))
        finding.repaired = finding.repaired.replace(str(stage.root), str(layout.root))
    return report
