"""doctor: what a bug report needs to say, and whether this machine does what a lake asks."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_lake import __version__
from bt_lake.cli import messages
from bt_lake.cli.output import Format, Output
from bt_lake.cli.sections import Section, stacked
from bt_lake.cli.session import Session
from bt_lake.warehouse.abilities import abilities
from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.layout import FORMAT_VERSION
from bt_lake.wording.values import size

if TYPE_CHECKING:
    from bt_lake.queries.census import Census

_UNFIT = 4
_WIDTH = 80
_NEEDED = ("duckdb", "numpy", "polars", "pyarrow", "typer")
_EXTRAS = {
    "pandas": "pandas",
    "postgres": "adbc-driver-postgresql",
    "zarr": "zarr",
}
_ENGINES = (
    "backtesting", "backtrader", "bt", "lib-pybroker", "nautilus_trader", "vectorbt",
    "zipline-reloaded",
)  # fmt: skip
_MANY_FILES = 500


def doctor(session: Session, out: Output) -> int:
    """What is installed, how the lake is, and what its disk can do.

    Changes nothing; tries its file system in a scratch folder. A bug report should have all of it.
    Ends with exit code 4 if a lake cannot be kept here.

    \b
    Examples:
      bt-lake doctor
      bt-lake doctor --lake /mnt/team/lake
      bt-lake doctor --format json
    """
    found = {
        "bt-lake": {**_system(), **_installed()},
        "lake": _lake(session),
        "file system": abilities(_folder(session.path)),
    }
    unfit = [name for name, told in found["file system"].items() if told.startswith("fails")]
    if out.format is Format.JSON:
        out.document({**found, "hints": _hints(found)})
    else:
        for title, told in found.items():
            section = Section(title)
            for name, text in told.items():
                section.add(name, text, "red" if text.startswith("fails") else "")
            out.lines([*stacked(section, width=out.width or _WIDTH, style=out.style), ""])
        for hint in _hints(found):
            messages.say(f"- {hint}")
    if unfit:
        messages.error(f"no lake can be kept here: {', '.join(unfit)}")
    return _UNFIT if unfit else 0


def _system() -> dict[str, str]:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "version": f"{__version__}, writes format {FORMAT_VERSION}",
        "Python": f"{platform.python_version()} on {platform.system()} {platform.release()}",
        "processor": f"{platform.machine()}, {messages.many(count or 1, 'core')}",
    }


def _installed() -> dict[str, str]:
    extras = {name: _version(package) for name, package in _EXTRAS.items()}
    engines = {name: version for name in _ENGINES if (version := _version(name))}
    lacking = [name for name, version in extras.items() if not version]
    return {
        "packages": _listed({name: _version(name) or "missing" for name in _NEEDED}),
        "extras": _listed({name: version for name, version in extras.items() if version}) or "none",
        "not installed": f'{", ".join(lacking)}: pip install "bt-lake[{",".join(lacking)}]"'
        if lacking
        else "",
        "engines": _listed(engines) or "none",
    }


def _listed(versions: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _lake(session: Session) -> dict[str, str]:

    path = str(session.store.layout.root)
    if not session.store.layout.exists:
        return {"path": path, "there": "no; the first write makes it"}
    try:
        return {"path": path, **_described(session.lake.info())}
    except LakeError as error:
        return {"path": path, "unreadable": f"fails: {error}"}


def _described(census: Census) -> dict[str, str]:
    upkeep = census.upkeep
    return {
        "format": f"{census.format}, epoch {census.epoch}",
        "runs": f"{census.runs:,}",
        "size": f"{size(census.bytes)} in {messages.many(census.files, 'file')}",
        "backlog": f"{messages.many(upkeep.standing_commits, 'commit')} to fold, "
        f"{messages.many(census.pending_events, 'event file')}",
        "maintained": upkeep.last_epoch_at or "never",
        "written by": ", ".join(upkeep.versions),
        "at work": ", ".join(f"{work.lock} by pid {work.pid}" for work in upkeep.at_work),
        "set aside": messages.many(upkeep.quarantined_files, "file")
        if upkeep.quarantined_files
        else "",
        "free": size(upkeep.free_bytes),
        "needs": f"{size(upkeep.compaction_needs_bytes)} at most, to compact",
        "spared": str(census.spared),
    }


def _hints(found: dict[str, dict[str, str]]) -> list[str]:
    """What would make this lake quicker or safer."""
    lake, disk = found["lake"], found["file system"]
    hints = []
    if int(lake.get("spared", 0)) >= _MANY_FILES:
        hints.append(f"`bt-lake compact` would spare {int(lake['spared']):,} files")
    if "unreadable" in lake:
        hints.append("`bt-lake check` says what is damaged")
    if lake.get("set aside"):
        hints.append("`_quarantine` holds files that `check --repair` set aside")
    if "slow" in disk.get("fsync", ""):
        hints.append("flushing is slow here: save many runs at once, with `lake.batch()`")
    return hints


def _folder(lake: Path) -> Path:
    """Where to try: in the lake, or where it would be made."""
    inside = lake.absolute() / "_stage"
    return next(folder for folder in (inside, *inside.parents) if folder.is_dir())
