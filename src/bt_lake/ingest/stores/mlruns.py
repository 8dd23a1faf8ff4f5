"""MLflow's folder of files: `mlruns/<experiment>/<run>/meta.yaml`, with a file for each value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bt_lake.ingest.formats.reading import content
from bt_lake.ingest.stores.report import Lost, Unread
from bt_lake.ingest.stores.steps import EQUITY, Step
from bt_lake.ingest.stores.tracked import Tracked
from bt_lake.ingest.times import shown
from bt_lake.warehouse.values import is_integer

_STATUSES = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
_POINT = re.compile(
    r"(\d{1,18}) ([+-]?(?:(?:\d++\.?+\d*+|\.\d++)(?:[eE][+-]?\d+)?|inf|nan))(?: (-?\d{1,18}))?\s*+",
    re.IGNORECASE,
)
_META = "meta.yaml"
_TRASH = ".trash"
_KEPT = 20_000  # runs, some KiB each


def has_experiments(folder: Path) -> bool:
    return any(folder.glob(f"*/{_META}"))


class Folder:
    """The runs of all experiments, deleted experiments included; what of them cannot be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.older = 0  # earlier values of metrics
        self.lost = Lost()
        self._kept: list[Tracked] | None = None

    def read(self) -> Iterator[Tracked]:
        """Twice the same, of files that are read once."""
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Tracked] | None = []
        for run in self._read():
            if kept is not None:
                kept.append(run)
                kept = kept if len(kept) < _KEPT else None
            yield run
        self._kept = kept

    def _read(self) -> Iterator[Tracked]:
        self.older = 0
        self.lost = Lost()
        folder = self._folder
        for experiment in sorted([*folder.glob(f"*/{_META}"), *folder.glob(f"{_TRASH}/*/{_META}")]):
            name = _meta(experiment).get("name")
            for run in sorted(path for path in experiment.parent.iterdir() if _is_run(path)):
                info = _meta(run / _META)
                if "run_id" in info or "run_uuid" in info:
                    yield self._run({**info, "experiment": name}, run)
                else:
                    reason = "missing, or without the run's id"
                    self.lost.rows.append(Unread("runs", f"run {run.name}", _META, reason))

    def _run(self, info: dict[str, Any], folder: Path) -> Tracked:
        info["status"] = _STATUSES.get(str(info.get("status")), info.get("status"))
        if info.get("run_uuid") is None:
            info["run_uuid"] = info["run_id"]
        run = Tracked(
            info,
            params=dict(_values(folder / "params")),
            tags=dict(_values(folder / "tags")),
        )
        for key, text in _values(folder / "metrics"):
            points = [(line, _POINT.fullmatch(line)) for line in text.splitlines() or [""]]
            steps = [_step(point) for _, point in points if point]
            for line in (line for line, point in points if not point):
                name, why = f"metrics.{key}", f"{shown(line)} is no value"
                self.lost.cells.append(Unread("runs", f"run {info['run_uuid']}", name, why))
            if steps:
                run.metrics[key] = _latest(steps)
                self.older += len(steps) - 1
            if key.lower() in EQUITY:
                for step in steps:
                    run.step(key, step)
        return run


def _is_run(path: Path) -> bool:
    """A folder of a run, whether or not its meta.yaml is there."""
    return path.is_dir() and ((path / _META).exists() or (path / "metrics").is_dir())


def _values(folder: Path) -> Iterator[tuple[str, str]]:
    """A file a value; a name with a slash is a file in a folder."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            text = content(file).decode("utf-8", "surrogateescape")
            yield file.relative_to(folder).as_posix(), text.rstrip("\n")


def _step(line: re.Match[str]) -> Step:
    """Of a line `time value step`."""
    return Step(int(line[3] or 0), int(line[1]), float(line[2]))


def _latest(steps: list[Step]) -> float | None:
    """The last by step and time."""
    value = max(steps, key=lambda step: step[:2]).value
    return value if value == value else None


def _meta(file: Path) -> dict[str, Any]:
    """A flat YAML file of `name: value`, as MLflow writes it."""
    found: dict[str, Any] = {}
    if not file.is_file():
        return found
    for line in content(file).decode("utf-8", "replace").splitlines():
        name, colon, text = line.partition(":")
        if colon and not line.startswith((" ", "-", "#")):
            found[name] = _plain(text.strip())
    return found


def _plain(text: str) -> Any:
    if text in ("", "null", "~", "[]", "{}"):
        return None
    if text[:1] in "'\"" and text[-1:] == text[:1]:
        return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1]
    return int(text) if is_integer(text) else text
