"""Questions to a lake in a store that is a folder, until it is killed, through a cache that others share.

python cache_worker.py FOLDER URL SEED STEP: every answer is compared; it dies at the step, if not before.
"""

from __future__ import annotations

import builtins
import os
import random
import signal
import sys
import time
from pathlib import Path

from obstore.store import LocalStore

import bt_lake
from bt_lake.warehouse import keeping, lifting, mirror, objects

POINTS = 400


def points(n: int) -> list[list]:
    return [
        [f"2020-01-01T{i // 60:02}:{i % 60:02}", 100.0 + (n + 1) * i % 37] for i in range(POINTS)
    ]


class Steps:
    """Dies by SIGKILL at the step of this name, when it has come so often."""

    def __init__(self, name: str, often: int) -> None:
        self.name, self.left = name, often

    def __call__(self, name: str) -> None:
        self.left -= name == self.name
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(random.uniform(0, 0.005))


class InPieces:
    """A file that is written in two pieces."""

    def __init__(self, file, step: Steps) -> None:
        self.file, self.step = file, step

    def write(self, data: bytes) -> None:
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        self.step("half written")
        self.file.write(data[len(data) // 2 :])

    def __getattr__(self, name: str):
        return getattr(self.file, name)

    def __enter__(self) -> InPieces:
        return self

    def __exit__(self, *_) -> None:
        self.file.close()


def after(act, step: Steps, name: str):
    def acts(*given, **options):
        act(*given, **options)
        step(name)

    return acts


def main(folder: str, url: str, name: str, dies_at: str) -> None:
    draw = random.Random(name)
    step = Steps(dies_at, draw.randrange(1, 30))
    objects._opened = lambda url: LocalStore(f"{folder}/{url[5:]}", mkdir=True)
    mirror._FRESH_S = keeping._LOOKED_EVERY_S = keeping._MARKED_EVERY_S = 0.0
    keeping._IN_USE_S = 1.0
    mirror.LARGE_BYTES = draw.choice([1, 1 << 40])
    lifting.open = lambda *given: InPieces(builtins.open(*given), step)  # noqa: SIM115
    os.fsync = after(os.fsync, step, "written")
    os.replace = after(os.replace, step, "named")
    Path.unlink = after(Path.unlink, step, "removed")
    lake = bt_lake.open(url)
    while True:
        runs = lake.sql("select run_id, (params->>'n')::int as n from runs").rows()
        some = dict(draw.sample(runs, draw.randrange(1, 4)))
        found: dict[str, list[float]] = {run_id: [] for run_id in some}
        for run_id, value in lake.equity([*some]).select("run_id", "equity").rows():
            found[run_id].append(value)
        for run_id, n in some.items():
            assert found[run_id] == [value for _, value in points(n)], (run_id, n)
        print("right", len(runs), flush=True)


STEPS = ("half written", "written", "named", "removed", "none")

if __name__ == "__main__":
    main(*sys.argv[1:])
