"""A small lake of known runs for tests of the command line, and how to call it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bt_lake.cli.main import run
from bt_lake.ingest.saving import save
from bt_lake.warehouse.store import Store

MIXED = "1 computed from curves, 6 as their sources report"  # where a question rests on all
GRID = [(fast, slow) for fast in (5, 10) for slow in (50, 60, 70)]
CURVE = {
    "ts": ["2024-01-01", "2024-01-02", "2024-01-03", "2024-02-01"],
    "equity": [100.0, 110.0, 99.0, 121.0],
}
TRADES = [
    {
        "symbol": "WAVE",
        "side": "long",
        "quantity": 2,
        "entry_at": "2024-01-01T00:00:00Z",
        "exit_at": "2024-01-02T12:30:00Z",
        "entry_price": 50.0,
        "exit_price": 55.0,
        "pnl": 10.0,
        "return": 0.1,
    },
    {
        "symbol": "WAVE",
        "side": "short",
        "quantity": 1,
        "entry_at": "2024-01-03T00:00:00Z",
        "exit_at": "2024-02-01T00:00:00Z",
        "entry_price": 1000.0,
        "exit_price": 1004.5,
        "pnl": -4.5,
        "return": -0.0045,
    },
]


def run_id(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012d}"


def documents() -> list[dict]:
    """Runs 1 to 6 are a grid that only reports numbers, 7 has a curve, 8 failed."""
    made = [
        {
            "run_id": run_id(number),
            "strategy": "sma_cross",
            "symbol": "SYNTH",
            "timeframe": "1d",
            "params": {"fast": fast, "slow": slow, "risk": 2},
            "created_at": f"2026-11-{number:02d}T12:00:00Z",
            "metrics": {
                "sharpe_ratio": number / 2,
                "total_return": number / 10,
                "max_drawdown": -number / 100,
                "total_trades": number * 10,
                "my_score": 7 - number,
            },
        }
        for number, (fast, slow) in enumerate(GRID, start=1)
    ]
    made.append(
        {
            "run_id": run_id(7),
            "strategy": "sma_cross",
            "symbol": "WAVE",
            "timeframe": "1d",
            "params": {"fast": 5, "slow": 50, "risk": 1},
            "created_at": "2026-11-07T12:00:00Z",
            "initial_capital": 100.0,
            "periods_per_year": 252,
            "tags": ["q4"],
            "notes": "first line\nsecond line",
            "metrics": {"sharpe_ratio": 9.5, "total_trades": 2},
            "equity": CURVE,
            "trades": TRADES,
        }
    )
    made.append(
        {
            "run_id": run_id(8),
            "strategy": "rsi",
            "symbol": "WAVE",
            "status": "failed",
            "error": "ZeroDivisionError: division by zero",
            "duration_s": 1.25,
            "created_at": "2026-11-08T12:00:00Z",
        }
    )
    return made


def make(path: Path) -> Path:
    for document in documents():
        save(Store(path), document)
    return path


@dataclass
class Called:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


TOOK = re.compile(r"\d[\d.]* m?s$", re.MULTILINE)


class Cli:
    """Calls the command line on one lake, in this process or in one of its own."""

    def __init__(self, lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.lake, self._capsys = lake, capsys

    def __call__(self, *arguments: object) -> Called:
        self._capsys.readouterr()
        code = run(["--lake", str(self.lake), *map(str, arguments)])
        captured = self._capsys.readouterr()
        return Called(code, captured.out, TOOK.sub("T", captured.err))

    def process(self, *arguments: object, **options) -> Called:
        options.setdefault("env", environment())
        done = subprocess.run(
            [*COMMAND, "--lake", str(self.lake), *map(str, arguments)],
            capture_output=True,
            timeout=60,
            **options,
        )
        return Called(done.returncode, done.stdout.decode(), TOOK.sub("T", done.stderr.decode()))


COMMAND = [sys.executable, "-m", "bt_lake"]


def environment(**more: str) -> dict[str, str]:
    """Nothing of the caller's terminal."""
    refused = ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "LINES", "BT_LAKE")
    kept = {name: value for name, value in os.environ.items() if name not in refused}
    return {**kept, **more}
