"""MLflow's folder of files: `mlruns/<experiment>/<run>/meta.yaml`, with a file for each value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bt_lake.ingest.formats.reading import content
from bt_lake.ingest.stores.tracked import Tracked
from bt_lake.warehouse.values import is_integer

_STATUSES = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
_POINT = re.compile(
    r"(\d{1,18}) ([+-]?(?:(?:\d+\.?+\d*+|\.\d+)(?:[eE][+-]?\d+)?|inf|nan))(?: (-?\d{1,18}))?\s*+",
    re.IGNORECASE,
)
_META = "meta.yaml"
_TRASH = ".trash"


def has_experiments(folder: Path) -> bool:
    return any(folder.glob(f"*/{_META}"))


def read_folder(folder: Path) -> Iterator[Tracked]:
    """The runs of all experiments, deleted experiments included."""
    for experiment in sorted([*folder.glob(f"*/{_META}"), *folder.glob(f"{_TRASH}/*/{_META}")]):
        name = _meta(experiment).get("name")
        for meta in sorted(experiment.parent.glob(f"*/{_META}")):
            info = _meta(meta)
            if "run_id" in info or "run_uuid" in info:
                yield _run({**info, "experiment": name}, meta.parent)


def _run(info: dict[str, Any], folder: Path) -> Tracked:
    info["status"] = _STATUSES.get(str(info.get("status")), info.get("status"))
    if info.get("run_uuid") is None:
        info["run_uuid"] = info["run_id"]
    return Tracked(
        info,
        metrics={key: _latest(text) for key, text in _values(folder / "metrics")},
        params=dict(_values(folder / "params")),
        tags=dict(_values(folder / "tags")),
    )


def _values(folder: Path) -> Iterator[tuple[str, str]]:
    """A file a value; a name with a slash is a file in a folder."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            text = content(file).decode("utf-8", "surrogateescape")
            yield file.relative_to(folder).as_posix(), text.rstrip("\n")


def _latest(history: str) -> float | None:
    """The last of the lines `time value step`, by step and time."""
    points = [point for point in map(_POINT.fullmatch, history.splitlines()) if point]
    latest = max(points, key=lambda point: (int(point[3] or 0), int(point[1])), default=None)
    if latest is None:
        return None
    value = float(latest[2])
    return value if value == value else None


def _meta(file: Path) -> dict[str, Any]:
    """A flat YAML file of `name: value`, as MLflow writes it."""
    found: dict[str, Any] = {}
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
