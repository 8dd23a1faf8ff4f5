"""bt-lake beside what people keep backtests in today, each doing the same work.

    python bench/peers.py [--full] [--json FILE] [--only NAME ...]

A run is 25 metrics, a daily curve of a year and 40 trades. Every store saves them, answers the
same questions, and has its answers checked. Peers from PyPI get an environment each, under
`.venv-peers/`; one that cannot be installed is left out, with the reason.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any, NamedTuple

from report import Report

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".venv-peers"
STARTS = 5


class Peer(NamedTuple):
    module: str
    requirement: str | None = None
    command: list[str] | None = None  # how its users ask, where that is not a Python script


PEERS = {
    "bt-lake": Peer("bt_lake_store", command=["-m", "bt_lake", "best", "sharpe_ratio", "--lake"]),
    "JSON files": Peer("files"),
    "SQLite": Peer("sqlite"),
    "MLflow": Peer("mlflow_store", "mlflow"),
    "ArcticDB": Peer("arcticdb_store", "arcticdb"),
    "vectorbt": Peer("vectorbt_store", "vectorbt"),
}


class Failed(Exception):
    """A command ended badly, and said why in its last line."""


class LeftOut(Exception):
    """A peer that cannot be installed here."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="10,000 runs, not 1,000")
    parser.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    count = 10_000 if options.full else 1_000
    report = Report("peers")
    report.facts["runs"] = count
    for name in options.only:
        try:
            measured = measure(PEERS[name], count)
        except LeftOut as reason:
            report.facts.setdefault("left out", {})[name] = str(reason)
            print(f"{name} is left out: {reason}", flush=True)
            continue
        report.versions |= measured["versions"]
        for what, (value, unit) in measured["figures"].items():
            report.row(what, name, value, unit)
    report.finish(options.json)


def measure(peer: Peer, count: int) -> dict[str, Any]:
    python = environment(peer)
    folder = Path(tempfile.mkdtemp(prefix="bt-lake-peers-"))
    try:
        work = [python, str(HERE / "peers" / "work.py"), peer.module, str(folder)]
        measured: dict[str, Any] = json.loads(output([*work, str(count)]).splitlines()[-1])
        ask = [python, *peer.command, str(folder / "many")] if peer.command else work
        starts = [seconds(ask) for _ in range(STARTS)]
        measured["figures"]["best 10, new process"] = (statistics.median(starts) * 1e3, "ms")
        return measured
    finally:
        shutil.rmtree(folder)


def environment(peer: Peer) -> str:
    if peer.requirement is None:
        return sys.executable
    folder = ENVIRONMENTS / peer.module
    python, stamp = str(folder / "bin" / "python"), folder / ".installed"
    if not stamp.exists():
        venv.create(folder, with_pip=True, clear=True)
        try:
            output([python, "-m", "pip", "install", "--quiet", peer.requirement])
        except Failed as reason:
            raise LeftOut(str(reason)) from None
        stamp.touch()
    return python


def output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Failed(said[-1])
    return done.stdout


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    output(command)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
