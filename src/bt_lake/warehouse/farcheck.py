"""`check` of a lake in an object store: it is looked at, and mended, as a folder on this machine.

What a repair did to that folder is then done to the store in the order of the protocol: the log is
what counts, and where another process was faster with it, nothing has changed.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse import check as folder
from bt_lake.warehouse import claims, log
from bt_lake.warehouse.copies import files_below
from bt_lake.warehouse.errors import Conflict, LakeError, Unconfirmed
from bt_lake.warehouse.findings import Finding, Findings
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.image import Image, as_finding, image
from bt_lake.warehouse.layout import Layout, card_text
from bt_lake.warehouse.lifting import rank
from bt_lake.warehouse.objects import AT_ONCE, Objects, Unanswered
from bt_lake.warehouse.paths import data_file

if TYPE_CHECKING:
    from bt_lake.warehouse.mirror import Mirror
    from bt_lake.warehouse.rot import Progress


def check(
    layout: Layout,
    origin: Mirror,
    *,
    repair: bool,
    dry_run: bool,
    source: Path | None,
    deep: bool,
    since: float,
    progress: Progress | None,
) -> Findings:
    """As of a folder; `dry_run` leaves it at what would be done."""
    objects = Objects(origin.url)
    mends = repair or dry_run
    ahead_s = _ahead_s(objects) if repair and not dry_run else 0.0
    kept = origin.root / "_stage"
    with image(objects, kept, whole=deep or mends, ahead_s=ahead_s, progress=progress) as found:
        before = _files(found.layout.root)
        mends = mends and not found.refused  # as where a folder is away
        report = folder.check(found.layout, repair=mends, source=source, deep=deep, since=since)
        left = _leave_children(report)
        if "lake.json" not in before:
            _name_as_marked(found)
        if mends and not dry_run:
            origin.forget(_carry_over(objects, found, before, left, layout.wait_s))
        _say(report, objects.url, found)
        return report


def _ahead_s(objects: Objects) -> float:
    """How far this machine's clock is ahead of the store's: what is young may be under way."""
    mark = "_quarantine/clock"
    now = objects.touch(mark)
    objects.remove([mark])
    return time.time() - now


def _name_as_marked(found: Image) -> None:
    """A card that is made again is of the lake that the marks of the prefix name."""
    names = claims.owners(found.there)
    if len(names) == 1 and found.layout.card.is_file():
        card = json.loads(found.layout.card.read_bytes())
        found.layout.card.write_text(card_text(card | {"lake_id": names[0]}))


def _leave_children(report: Findings) -> set[str]:
    """Curves whose run has not come are left: unlike in a folder, their writer cannot be stopped.

    Its staged files are on its own machine, and it may only sleep.
    """
    left = [f for f in report.findings if f.kind == "leftover" and f.commit is not None]
    for finding in left:
        finding.repaired = ""
        finding.remedy = "it takes room only; remove it once no writer of that time is at work"
    return {finding.path for finding in left}


def _say(report: Findings, url: str, found: Image) -> None:
    """Each finding by its address."""
    there = [f for f in report.findings if f.path not in found.refused]
    there += [as_finding(name, why) for name, why in found.refused.items()]
    there += _odd(found)
    root = str(found.layout.root)
    for finding in there:
        if finding.kind != "gone":
            finding.path = f"{url}/{finding.path}"
        for text in ("message", "repaired", "remedy"):
            setattr(finding, text, getattr(finding, text).replace(root, url))
    report.findings = there


def _odd(found: Image) -> Iterator[Finding]:
    """What has no place in a folder of a lake: marks that were left, what others put there."""
    marks = {name: found.there[name].at for name in found.odd if name.startswith("_stage/")}
    lake_id = None
    with contextlib.suppress(LakeError):
        lake_id = found.layout.read_card().lake_id
    for name, said, remedy in claims.left_over(marks, lake_id):
        yield Finding("staging", name, said, remedy, damage=False)
    for name in found.odd:
        if name not in marks and not name.startswith("_quarantine/"):
            said = "not an object of bt-lake; readers pass it over"
            yield Finding("foreign", name, said, "move it elsewhere", damage=False)


def _files(root: Path) -> dict[str, tuple[int, int]]:
    """What is there, and what tells whether it is replaced."""
    found = {}
    for name in files_below(root):
        if not name.startswith("_stage/"):
            status = os.stat(root / name)
            found[name] = (status.st_ino, status.st_mtime_ns)
    return found


def _carry_over(
    objects: Objects,
    found: Image,
    before: dict[str, tuple[int, int]],
    left: set[str],
    wait_s: float,
) -> list[str]:
    """Do to the store what was done to the folder; gives what was put in the place of another."""
    root, after = found.layout.root, _files(found.layout.root)
    kept = left | {f"_quarantine/{name}" for name in left}
    changed = sorted(name for name in before if name in after and after[name] != before[name])
    made = sorted((name for name in after if name not in before and name not in kept), key=rank)
    gone = [name for name in before if name not in after and name not in kept]
    if not (changed or made or gone):
        return []
    claims.to_write(objects, found.layout.read_card().lake_id, wait_s)
    logs = sorted(filter(log.is_log, made))

    def put(name: str) -> None:
        objects.replace(name, (root / name).read_bytes())

    def keep(name: str) -> None:
        data = (root / name).read_bytes()
        try:
            objects.create(name, data)
        except FileExistsError:  # of an earlier repair
            objects.create(f"{name}.{uuid7().hex[-6:]}", data)

    aside = [name for name in made if name.startswith("_quarantine/")]
    data = [name for name in (*changed, *made) if data_file(name)]
    rest = [name for name in (*changed, *made) if name not in {*aside, *data, *logs}]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(keep, aside))
        list(pool.map(put, data))
    _put_logs(objects, root, logs, made)
    for name in rest:
        put(name)
    # A run goes before its curve: nobody sees one without the other.
    for part in (_of(gone, "runs", "events"), _of(gone, "equity", "trades", "_log")):
        objects.remove(part)
    return changed


def _put_logs(objects: Objects, root: Path, logs: Iterable[str], made: Iterable[str]) -> None:
    for name in logs:
        try:
            objects.create(name, (root / name).read_bytes())
        except Unanswered as error:
            raise Unconfirmed(
                f"{objects.url}: the repair may or may not have been done ({error}). Check again."
            ) from None
        except FileExistsError:
            epoch = int(name[5:13])
            ours = [(path, data_file(path)) for path in made]
            objects.remove([path for path, file in ours if file and (file.epoch or 0) >= epoch])
            raise Conflict(
                f"{objects.url}: others maintained the lake meanwhile, so that this repair came to "
                "no end; nothing was taken out. Try again."
            ) from None


def _of(names: Iterable[str], *folders: str) -> list[str]:
    return [name for name in names if name.partition("/")[0] in folders]
