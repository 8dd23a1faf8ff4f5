"""Stores of backtests as they look after a year, and what plain Python says must come of them.

Each has repeats, renames, mixed units and broken members; `change` is what happens between two
imports. `runs` says which runs the lake must have then, `lost` which rows must be listed instead,
`cells` which values.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from older_stores import MLFLOW, add_entry, insert, zarr_store

Runs = dict[str, dict[str, Any]]
START = datetime(2025, 1, 1)
UNKNOWN_STATUS, UNFINISHED = "timeout", "running"
# The exact name, a spelling of it, another name for it: in this order they win.
SHARPES = ("sharpe_ratio", "Sharpe Ratio", "sharpe")


class Aged:
    """What the stores of all kinds have in common."""

    kind = ""
    rng: random.Random
    cells: set[tuple[str, str]]  # label and column of values that cannot be read
    where: Any
    names: dict[str, str] = {}  # what the user says of its columns

    def runs(self) -> Runs:
        raise NotImplementedError

    def lost(self) -> Counter[str]:
        raise NotImplementedError

    def unfinished(self) -> int:
        return 0

    def source_rows(self) -> int:
        raise NotImplementedError

    def change(self) -> None:
        raise NotImplementedError

    def some(self, of: Any, share: float = 0.2) -> list[Any]:
        return [one for one in of if self.rng.random() < share]

    def value(self) -> float:
        return round(self.rng.uniform(-2, 3), 4)


@dataclass
class Result:
    """A row of a table."""

    id: int
    run_id: str | None
    symbol: str
    status: str
    sharpes: dict[str, float]
    gain: float  # a fraction
    in_percent: bool
    win_rate: Any
    score: float | None
    params: Any
    note: str
    curve: bool = False
    created: datetime = START

    @property
    def bad_cells(self) -> set[str]:
        bad = set()
        if isinstance(self.win_rate, str) or (self.win_rate or 0) > 1:
            bad.add("win_rate")
        return bad | ({"params"} if isinstance(self.params, str) else set())

    @property
    def run(self) -> dict[str, Any]:
        return {
            "symbol": self.symbol,
            "status": "failed" if self.status == "failed" else "ok",
            "sharpe_ratio": next((self.sharpes[n] for n in SHARPES if n in self.sharpes), None),
            "total_return": self.gain,
            "win_rate": None if "win_rate" in self.bad_cells else self.win_rate,
            "score": self.score,
            "params": None if isinstance(self.params, str) else self.params,
            "notes": self.note,
            "points": 2 if self.curve else 0,
        }


class Table(Aged):
    """A table of results in a SQLite file, mostly with ids of its own in `run_id`."""

    kind = "sqlite"
    table = "backtest_results"
    sharpes: tuple[str, ...] = SHARPES
    curves = False

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.with_ids = rng.random() < 0.7
        self.results = {n: self.result(n) for n in range(rng.randint(40, 80))}
        self.gone: Runs = {}  # what the lake has of rows that the store has no more
        self.repeat(2)
        self.write()

    def result(self, number: int) -> Result:
        rng = self.rng
        gain = round(rng.uniform(0.02, 0.9) * rng.choice([1, -1]), 4)
        names = [n for n in self.sharpes if rng.random() < 0.4] or [self.sharpes[0]]
        return Result(
            number,
            self.uuid() if self.with_ids and rng.random() > 0.04 else None,
            rng.choice(["AAPL", "MSFT", "GOOGL", "Ünïcode"]),
            rng.choices(["success", "failed", UNFINISHED, UNKNOWN_STATUS], [20, 3, 1, 1])[0],
            {name: self.value() for name in names},
            gain,
            rng.random() > 0.1,
            rng.choices([round(rng.uniform(0.3, 0.7), 3), None, "N/A", 61.5], [30, 3, 1, 1])[0],
            rng.choice([None, round(rng.uniform(0, 9), 2)]),
            {"fast": rng.randint(1, 50)} if rng.random() > 0.05 else self.no_object(),
            rng.choice(["", "looks good", "'; drop table runs"]) or "-",
            self.curves and rng.random() < 0.3,
            START + timedelta(minutes=number),
        )

    def no_object(self) -> Any:
        return '{"fast": 1'

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def repeat(self, count: int) -> None:
        """Rows that bring an id along which another row has."""
        owners = [r for r in self.results.values() if r.run_id]
        for owner in self.rng.sample(owners, min(count, len(owners))):
            number = max(self.results) + 1
            self.results[number] = self.result(number)
            self.results[number].run_id = owner.run_id

    def change(self) -> None:
        rng, before = self.rng, {key: r.run for key, r in self.taken().items()}
        for result in self.results.values():
            if rng.random() < 0.15:
                result.symbol = "META"
            if rng.random() < 0.15:
                result.sharpes = {name: self.value() for name in result.sharpes}
            if rng.random() < 0.1:
                result.note = "seen again"
            if rng.random() < 0.1:
                result.score = round(rng.uniform(10, 20), 2)
            if result.status == UNFINISHED and rng.random() < 0.5:
                result.status = "success"
            if self.with_ids and result.run_id is None and rng.random() < 0.3:
                result.run_id = self.uuid()
        for number in rng.sample(sorted(self.results), 2):
            owner = self.first().get(self.results[number].run_id or "")
            if owner != number or len(self.rows_of(self.results[number].run_id)) == 1:
                key = str(number)
                if key in before:
                    self.gone[key] = before[key]
                del self.results[number]
        for _ in range(rng.randint(1, 5)):
            number = max(self.results) + 1
            self.results[number] = self.result(number)
        self.repeat(1)
        self.write()

    def rows_of(self, run_id: str | None) -> list[int]:
        return [r.id for r in self.results.values() if run_id and r.run_id == run_id]

    def first(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for number in sorted(self.results):
            if run_id := self.results[number].run_id:
                found.setdefault(run_id, number)
        return found

    def repeated(self) -> list[Result]:
        first = self.first()
        return [r for r in self.results.values() if r.run_id and first[r.run_id] != r.id]

    def alone(self) -> list[Result]:
        again = {r.id for r in self.repeated()}
        return [r for r in self.results.values() if r.id not in again]

    def taken(self) -> dict[str, Result]:
        ended = [r for r in self.alone() if r.status not in (UNKNOWN_STATUS, UNFINISHED)]
        return {str(r.id): r for r in ended}

    def runs(self) -> Runs:
        return {**self.gone, **{key: result.run for key, result in self.taken().items()}}

    def lost(self) -> Counter[str]:
        odd = [r for r in self.alone() if r.status == UNKNOWN_STATUS]
        return Counter(f"id {r.id}" for r in [*odd, *self.repeated()])

    @property
    def cells(self) -> set[tuple[str, str]]:  # type: ignore[override]
        return {(f"id {r.id}", c) for r in self.taken().values() for c in self.named(r.bad_cells)}

    def named(self, columns: set[str]) -> set[str]:
        return columns

    def unfinished(self) -> int:
        return sum(r.status == UNFINISHED for r in self.alone())

    def source_rows(self) -> int:
        return len(self.results)

    def write(self) -> None:
        path = self.where
        path.unlink(missing_ok=True)
        with sqlite3.connect(path) as connection:
            connection.execute(
                'create table backtest_results (id integer primary key, run_id text, symbol text, '
                'status text, "Sharpe Ratio" real, sharpe_ratio real, sharpe real, '
                "total_return real, initial_capital real, final_equity real, win_rate, "
                "score real, params text, notes text, created_at text)"
            )
            marks = ", ".join("?" * 15)
            for r in self.results.values():
                params = json.dumps(r.params) if isinstance(r.params, dict) else r.params
                row = (
                    r.id, r.run_id, r.symbol, r.status, r.sharpes.get("Sharpe Ratio"),
                    r.sharpes.get("sharpe_ratio"), r.sharpes.get("sharpe"),
                    r.gain * 100 if r.in_percent else r.gain, 1000.0, 1000.0 * (1 + r.gain),
                    r.win_rate, r.score, params, r.note, r.created.isoformat(),
                )  # fmt: skip
                connection.execute(f"insert into backtest_results values ({marks})", row)
        connection.close()

    @classmethod
    def at(cls, rng: random.Random, where: Any, *more: Any) -> Aged:
        made = cls.__new__(cls)
        made.where = where
        made.__init__(rng, *more)  # type: ignore[misc]
        return made


class Documents(Table):
    """Metrics and parameters as JSONB, on a PostgreSQL server; some have their curve within."""

    kind = "postgres"
    curves = True
    names = {"metrics.equity_curve": "equity"}

    def __init__(self, rng: random.Random, ask: Callable[[str], object]) -> None:
        self.ask = ask
        super().__init__(rng)

    def no_object(self) -> Any:
        return "[1, 2]"

    def named(self, columns: set[str]) -> set[str]:
        theirs = {"win_rate": "metrics.win_rate", "params": "parameters"}
        return {theirs[name] for name in columns}

    def write(self) -> None:
        self.ask(
            "drop table if exists backtest_results; create table backtest_results ("
            "id integer primary key, backtest_id varchar(100), symbol text, status text, "
            "metrics jsonb not null, parameters jsonb, notes text, created_at timestamptz);"
            + "".join(map(self._inserted, self.results.values()))
        )

    def _inserted(self, r: Result) -> str:
        metrics: dict[str, Any] = {**r.sharpes, "total_return_pct": round(r.gain * 100, 6)}
        metrics |= {n: v for n, v in (("win_rate", r.win_rate), ("score", r.score)) if v is not None}
        if r.curve:
            days = (r.created, r.created + timedelta(days=1))
            metrics["equity_curve"] = [[d.isoformat(), 100.0 + i] for i, d in enumerate(days)]
        return insert(
            "backtest_results",
            {
                "id": r.id, "backtest_id": r.run_id, "symbol": r.symbol, "status": r.status,
                "metrics": metrics, "parameters": r.params or "{}", "notes": r.note,
                "created_at": r.created.isoformat(),
            },
        )  # fmt: skip
