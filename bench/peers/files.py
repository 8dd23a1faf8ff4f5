"""A folder of result files: one JSON a run, read again for every question; no fsync."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from uuid import uuid4

from work import DAYS, Run


class Store:
    PACKAGES = ()
    TOLERANCE = 1e-9

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def save(self, run: Run) -> str:
        name = uuid4().hex
        curve = [[day.isoformat(), value] for day, value in zip(DAYS, run["equity"], strict=True)]
        (self.folder / f"{name}.json").write_text(json.dumps({**run, "equity": curve}))
        return name

    def save_many(self, runs: list[Run]) -> list[str]:
        return [self.save(run) for run in runs]

    def _all(self) -> Iterator[tuple[str, Run]]:
        for path in self.folder.glob("*.json"):
            yield path.stem, json.loads(path.read_text())

    def best(self, n: int) -> list[str]:
        found = sorted((run["metrics"]["sharpe_ratio"], name) for name, run in self._all())
        return [name for _, name in reversed(found[-n:])]

    def mean_by_strategy(self) -> dict[str, float]:
        groups: dict[str, list[float]] = {}
        for _, run in self._all():
            groups.setdefault(run["strategy"], []).append(run["metrics"]["sharpe_ratio"])
        return {strategy: fmean(values) for strategy, values in groups.items()}

    def with_fast(self, value: int) -> list[str]:
        return [name for name, run in self._all() if run["params"]["fast"] == value]

    def curve(self, name: str) -> list[float]:
        document = json.loads((self.folder / f"{name}.json").read_text())
        return [value for _, value in document["equity"]]
