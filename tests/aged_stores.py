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
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from older_stores import MLFLOW, OPTUNA, insert, literal, zarr_store

Runs = dict[str, dict[str, Any]]
START = datetime(2025, 1, 1)
UNKNOWN_STATUS, UNFINISHED = "timeout", "running"
# The exact name, a spelling of it, another name for it: in this order they win.
SHARPES = ("sharpe_ratio", "Sharpe Ratio", "sharpe")


class Aged:
    """What the stores of all kinds have in common."""

    kind = ""
    cells: set[tuple[str, str]]  # label and column of values that cannot be read
    names: ClassVar[dict[str, str]] = {}  # what the user says of its columns

    def __init__(self, rng: random.Random, where: Any) -> None:
        self.rng, self.where = rng, where
        self.begin()
        self.write()

    def begin(self) -> None:
        """Make up the rows."""
        raise NotImplementedError

    def write(self) -> None:
        raise NotImplementedError

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

    def begin(self) -> None:
        rng = self.rng
        self.with_ids = rng.random() < 0.7
        self.results = {n: self.result(n) for n in range(rng.randint(40, 80))}
        self.gone: Runs = {}  # what the lake has of rows that the store has no more
        self.repeat(2)

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
                "create table backtest_results (id integer primary key, run_id text, symbol text, "
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


class Documents(Table):
    """Metrics and parameters as JSONB, on a PostgreSQL server; some have their curve within."""

    kind = "postgres"
    curves = True
    names: ClassVar[dict[str, str]] = {"metrics.equity_curve": "equity"}

    def __init__(self, rng: random.Random, where: Any, ask: Callable[[str], object]) -> None:
        self.ask = ask
        super().__init__(rng, where)

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
        metrics |= {
            n: v for n, v in (("win_rate", r.win_rate), ("score", r.score)) if v is not None
        }
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


class Entries(Aged):
    """A Zarr store: a run that was repeated has several entries and one curve, of the last."""

    kind = "zarr"

    def begin(self) -> None:
        self.entries = [self.entry(n) for n in range(self.rng.randint(14, 22))]
        self.broken = {self.id_of(entry) for entry in self.some(self.entries, 0.15)}
        self.kept: Runs = {}  # runs whose curve the lake has and the store has no more
        self.repeat()

    def entry(self, number: int) -> dict[str, Any]:
        rng = self.rng
        made: dict[str, Any] = {
            "symbol": rng.choice(["AAPL", "BTC/USDT", "MSFT"]), "strategy": "rsi",
            "params_hash": str(number), "exit_rule": "stop", "params": {"period": number},
            "timestamp": (START + timedelta(minutes=number)).isoformat(),
        }  # fmt: skip
        self.figures(made)
        if rng.random() < 0.7:
            made["equity"] = [100.0, 100.0 + rng.randint(1, 50)]
            made["dates"] = ["2024-01-01", "2024-01-02"]
        return made

    def figures(self, entry: dict[str, Any]) -> None:
        rng = self.rng
        entry["win_rate"] = round(rng.uniform(0.3, 0.7), 3)
        entry["total_return"] = round(rng.uniform(-0.9, 0.9), 3)
        entry["sharpe_ratio"] = self.value()

    def repeat(self) -> None:
        """The same run at the same time, and again at another."""
        for later in (0, 1):
            again = dict(self.rng.choice(self.entries))
            if later:
                moment = datetime.fromisoformat(again["timestamp"]) + timedelta(days=30 + later)
                again["timestamp"] = moment.isoformat()
            self.figures(again)
            self.entries.append(again)

    def change(self) -> None:
        before = self.runs()
        for entry in self.some(self.entries):
            self.figures(entry)
        self.broken = {
            self.id_of(e) for e in self.some([e for e in self.entries if "equity" in e], 0.1)
        }
        number = 100 + len(self.entries)
        self.entries += [self.entry(number + n) for n in range(3)]
        self.repeat()
        self.kept = {}
        after = self.runs()
        self.kept = {k: r for k, r in before.items() if r["points"] and not after[k]["points"]}
        self.write()

    @staticmethod
    def id_of(entry: dict[str, Any]) -> str:
        return "_".join(entry[n] for n in ("symbol", "strategy", "params_hash", "exit_rule"))

    def key_of(self, entry: dict[str, Any]) -> str:
        return f"{self.id_of(entry)} {entry['timestamp']}"

    def runs(self) -> Runs:
        last = {self.id_of(entry): entry for entry in self.entries}
        found: Runs = {}
        for entry in self.entries:
            run_id = self.id_of(entry)
            whole = last[run_id] is entry and "equity" in entry and run_id not in self.broken
            found[self.key_of(entry)] = {
                **{n: entry[n] for n in ("symbol", "win_rate", "total_return", "sharpe_ratio")},
                "params": entry["params"], "points": 2 if whole else 0,
            }  # fmt: skip
        return found | {key: run for key, run in self.kept.items() if not found[key]["points"]}

    def lost(self) -> Counter[str]:
        last = {self.key_of(entry): at for at, entry in enumerate(self.entries)}
        return Counter(
            f"entry {at + 1}" for at, e in enumerate(self.entries) if last[self.key_of(e)] != at
        )

    @property
    def cells(self) -> set[tuple[str, str]]:  # type: ignore[override]
        last = {self.id_of(entry): at for at, entry in enumerate(self.entries)}
        broken = [at for run_id, at in last.items() if run_id in self.broken]
        return {
            (f"entry {at + 1}", "equity_curves") for at in broken if "equity" in self.entries[at]
        }

    def source_rows(self) -> int:
        return len(self.entries)

    def write(self) -> None:
        shutil.rmtree(self.where, ignore_errors=True)
        zarr_store(self.where, self.entries)
        last = {self.id_of(entry): entry for entry in self.entries}
        for run_id, entry in last.items():
            curve = self.where / "equity_curves" / run_id
            if "equity" not in entry:
                shutil.rmtree(curve, ignore_errors=True)
            elif run_id in self.broken:
                (chunk,) = (f for f in curve.rglob("*") if f.is_file() and f.name != "zarr.json")
                chunk.write_bytes(chunk.read_bytes()[:3])


@dataclass
class Logged:
    """A run of MLflow."""

    run_id: str
    status: str
    metrics: dict[str, Any]
    params: dict[str, str]
    note: str
    created: datetime
    garbage: bool = False  # a metric that cannot be read
    headless: bool = False  # without its meta.yaml


class Tracking(Aged):
    """A tracking store of MLflow in a SQLite file."""

    kind = "mlflow"
    files = False

    def begin(self) -> None:
        self.logged = [self.run(n) for n in range(self.rng.randint(15, 30))]

    def run(self, number: int) -> Logged:
        rng = self.rng
        metrics = {name: self.value() for name in ("sharpe_ratio", "sharpe") if rng.random() < 0.6}
        if rng.random() < 0.5:
            metrics["score"] = self.value()
        return Logged(
            uuid.UUID(int=rng.getrandbits(128), version=4).hex,
            rng.choices(["FINISHED", "FAILED", "KILLED", "RUNNING"], [9, 1, 1, 1])[0],
            metrics,
            {"fast": str(rng.randint(1, 50)), "code": "007"},
            rng.choice(["good", "bad"]),
            START + timedelta(minutes=number),
            self.files and rng.random() < 0.1,
            self.files and rng.random() < 0.1,
        )

    def change(self) -> None:
        for run in self.some(self.logged):
            run.metrics = {name: self.value() for name in run.metrics}
        for run in self.some(self.logged):
            run.note = "read again"
        for run in self.logged:
            if run.status == "RUNNING":
                run.status = "FINISHED"
        self.logged += [self.run(100 + len(self.logged) + n) for n in range(3)]
        self.write()

    def runs(self) -> Runs:
        there = (r for r in self.logged if r.status != "RUNNING" and not r.headless)
        return {
            r.run_id: {
                "status": "ok" if r.status == "FINISHED" else "failed",
                "sharpe_ratio": r.metrics.get("sharpe_ratio", r.metrics.get("sharpe")),
                "score": r.metrics.get("score"), "notes": r.note,
                "params": {"fast": int(r.params["fast"]), "code": "007"},
            }
            for r in there
        }  # fmt: skip

    def lost(self) -> Counter[str]:
        return Counter(f"run {r.run_id}" for r in self.logged if r.headless)

    @property
    def cells(self) -> set[tuple[str, str]]:  # type: ignore[override]
        return {
            (f"run {r.run_id}", "metrics.win_rate")
            for r in self.logged
            if r.garbage and not r.headless
        }

    def unfinished(self) -> int:
        return sum(r.status == "RUNNING" and not r.headless for r in self.logged)

    def source_rows(self) -> int:
        return len(self.logged)

    def write(self) -> None:
        self.where.unlink(missing_ok=True)
        with sqlite3.connect(self.where) as connection:
            connection.executescript(MLFLOW)
            connection.execute(
                "insert into experiments values (1, 'old', 's3://x', 'active', 1, 1)"
            )
            for r in self.logged:
                start = int(r.created.timestamp() * 1000)
                connection.execute(
                    "insert into runs (run_uuid, status, start_time, end_time, lifecycle_stage, "
                    "experiment_id) values (?, ?, ?, ?, 'active', 1)",
                    (r.run_id, r.status, start, start + 1000),
                )
                for key, value in r.metrics.items():
                    point = (key, value, start, 0, 0, r.run_id)
                    connection.execute(
                        "insert into latest_metrics values (?, ?, ?, ?, ?, ?)", point
                    )
                params = [(key, value, r.run_id) for key, value in r.params.items()]
                connection.executemany("insert into params values (?, ?, ?)", params)
                note = ("mlflow.note.content", r.note, r.run_id)
                connection.execute("insert into tags values (?, ?, ?)", note)
        connection.close()


class Files(Tracking):
    """A folder `mlruns`, some of whose files cannot be read."""

    files = True

    def write(self) -> None:
        shutil.rmtree(self.where, ignore_errors=True)
        experiment = self.where / "1"
        experiment.mkdir(parents=True)
        (experiment / "meta.yaml").write_text("name: old\n")
        codes = {"FINISHED": 3, "FAILED": 4, "KILLED": 5, "RUNNING": 1}
        for r in self.logged:
            folder, start = experiment / r.run_id, int(r.created.timestamp() * 1000)
            for name in ("metrics", "params", "tags"):
                (folder / name).mkdir(parents=True)
            if not r.headless:
                (folder / "meta.yaml").write_text(
                    f"run_id: {r.run_id}\nstatus: {codes[r.status]}\nstart_time: {start}\n"
                    f"end_time: {start + 1000}\nlifecycle_stage: active\n"
                )
            for key, value in r.metrics.items():
                (folder / "metrics" / key).write_text(f"{start} 0.5 0\n{start + 1} {value} 1\n")
            if r.garbage:
                (folder / "metrics" / "win_rate").write_text("garbage")
            for key, text in r.params.items():
                (folder / "params" / key).write_text(text)
            (folder / "tags" / "mlflow.note.content").write_text(r.note)


@dataclass
class Tried:
    """A trial of Optuna."""

    study: str
    state: str
    fast: int
    mode: int
    value: float | None
    score: float
    note: str
    created: datetime
    whole: bool  # added as it was elsewhere, by one line of the journal
    number: int = 0


_SHAPES = {
    "fast": '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 50}}',
    "mode": '{"name": "CategoricalDistribution", "attributes": {"choices": ["ema", "sma", null]}}',
}
_STATES = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")


class Studies(Aged):
    """Studies of Optuna in a SQLite file."""

    kind = "optuna"

    def begin(self) -> None:
        self.tried: list[Tried] = []
        self.add(self.rng.randint(15, 30))

    def add(self, count: int) -> None:
        for _ in range(count):
            rng = self.rng
            state = rng.choices(_STATES, [2, 9, 1, 1, 1])[0]
            study = rng.choice(["sma", "rsi"])
            trial = Tried(
                study, state, rng.randint(1, 50), rng.randint(0, 2),
                self.value() if state == "COMPLETE" else None, self.value(),
                rng.choice(["a", "b"]), START + timedelta(minutes=len(self.tried)),
                rng.random() < 0.2,
            )  # fmt: skip
            trial.number = sum(t.study == study for t in self.tried)
            self.tried.append(trial)

    def change(self) -> None:
        for trial in self.tried:
            if trial.state in ("RUNNING", "WAITING") and self.rng.random() < 0.6:
                trial.state, trial.value = "COMPLETE", self.value()
        self.add(4)
        self.write()

    def runs(self) -> Runs:
        return {
            f"{t.study} {t.number}": {
                "status": "ok" if t.state == "COMPLETE" else "failed",
                "sharpe_ratio": t.value, "score": t.score,
                "params": {"fast": t.fast, "mode": ["ema", "sma", None][t.mode]},
            }
            for t in self.tried
            if t.state not in ("RUNNING", "WAITING")
        }  # fmt: skip

    def lost(self) -> Counter[str]:
        return Counter()

    cells: ClassVar[set[tuple[str, str]]] = set()

    def unfinished(self) -> int:
        return sum(t.state in ("RUNNING", "WAITING") for t in self.tried)

    def source_rows(self) -> int:
        return len(self.tried)

    def tables(self) -> str:
        """What Optuna's own storage would have written, as SQL."""
        studies = {"sma": 1, "rsi": 2}
        made = [OPTUNA]
        for name, number in studies.items():
            made.append(f"insert into studies values ({number}, '{name}');")
            named = f"({number}, {number}, 'study:metric_names', '[\"sharpe_ratio\"]')"
            made.append(f"insert into study_system_attributes values {named};")
        for at, t in enumerate(self.tried, 1):
            ended = f"'{t.created + timedelta(seconds=9)}'" if t.value is not None else "null"
            about = f"{at}, {t.number}, {studies[t.study]}, '{t.state}', '{t.created}', {ended}"
            made.append(f"insert into trials values ({about});")
            for place, (name, value) in enumerate((("fast", t.fast), ("mode", t.mode))):
                shape = literal(_SHAPES[name])
                made.append(
                    f"insert into trial_params values ({at * 2 + place}, {at}, '{name}', {value}, {shape});"
                )
            if t.value is not None:
                made.append(
                    f"insert into trial_values values ({at}, {at}, 0, {t.value}, 'FINITE');"
                )
            for place, (key, value) in enumerate((("score", t.score), ("note", t.note))):
                text = literal(json.dumps(value))
                made.append(
                    f"insert into trial_user_attributes values ({at * 2 + place}, {at}, '{key}', {text});"
                )
        return "\n".join(made)

    def write(self) -> None:
        self.where.unlink(missing_ok=True)
        with sqlite3.connect(self.where) as connection:
            connection.executescript(self.tables())
        connection.close()


class OnServer(Studies):
    """Studies of Optuna on a PostgreSQL server, where states are a type of their own."""

    def __init__(self, rng: random.Random, where: Any, ask: Callable[[str], object]) -> None:
        self.ask = ask
        super().__init__(rng, where)

    def write(self) -> None:
        tables = self.tables().replace("state varchar(8)", "state trialstate")
        tables = tables.replace("datetime_start datetime", "datetime_start timestamp")
        tables = tables.replace("datetime_complete datetime", "datetime_complete timestamp")
        states = ", ".join(f"'{state}'" for state in _STATES)
        fresh = "drop schema public cascade; create schema public;"
        self.ask(f"{fresh} create type trialstate as enum ({states});\n{tables}")


class Lines(Studies):
    """A journal of Optuna; its last line may be half-written, and studies were deleted."""

    def write(self) -> None:
        lines: list[dict[str, Any]] = []
        names = {"gone": 0, "sma": 1, "rsi": 2}
        for name in names:
            lines.append({"op_code": 0, "study_name": name, "directions": [2]})
            lines.append({"op_code": 0, "study_name": name, "directions": [2]})  # a second worker
        for number in (1, 2):
            attribute = {"study:metric_names": ["sharpe_ratio"]}
            lines.append({"op_code": 3, "study_id": number, "system_attr": attribute})
        lines.append({"op_code": 4, "study_id": 0, "datetime_start": START.isoformat()})
        lines.append({"op_code": 1, "study_id": 0})
        lines.append({"op_code": 4, "study_id": 0, "datetime_start": START.isoformat()})
        for at, t in enumerate(self.tried, 1):
            lines += self._whole(t, names) if t.whole else self._told(t, at, names)
        text = "".join(json.dumps(line) + "\n" for line in lines)
        self.torn = self.rng.random() < 0.5
        half = '{"op_code": 4, "study_id": 1, "dateti' if self.torn else ""
        self.where.write_text(text + half)
        self.last = len(lines) + 1

    def lost(self) -> Counter[str]:
        return Counter([f"line {self.last}"] if self.torn else [])

    def source_rows(self) -> int:
        return len(self.tried) + self.torn

    def _whole(self, t: Tried, names: dict[str, int]) -> list[dict[str, Any]]:
        """By `add_trial` or `copy_study`, or before it began by `enqueue_trial`."""
        line = {
            "op_code": 4, "study_id": names[t.study], "datetime_start": t.created.isoformat(),
            "state": _STATES.index(t.state), "value": t.value, "values": None,
            "distributions": _SHAPES, "params": {"fast": t.fast, "mode": t.mode},
            "user_attrs": {"score": t.score, "note": t.note}, "system_attrs": {},
            "intermediate_values": {},
        }  # fmt: skip
        if t.state not in ("RUNNING", "WAITING"):
            line["datetime_complete"] = (t.created + timedelta(seconds=9)).isoformat()
        return [line]

    def _told(self, t: Tried, at: int, names: dict[str, int]) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = [
            {"op_code": 4, "study_id": names[t.study], "datetime_start": t.created.isoformat()}
        ]
        for name, value in (("fast", t.fast), ("mode", t.mode)):
            lines.append({"op_code": 5, "trial_id": at, "param_name": name,
                          "param_value_internal": value, "distribution": _SHAPES[name]})  # fmt: skip
        for key, told in (("score", t.score), ("note", t.note)):
            lines.append({"op_code": 8, "trial_id": at, "user_attr": {key: told}})
        if t.state not in ("RUNNING", "WAITING"):
            values = None if t.value is None else [t.value]
            ended = (t.created + timedelta(seconds=9)).isoformat()
            lines.append({"op_code": 6, "trial_id": at, "state": _STATES.index(t.state),
                          "values": values, "datetime_complete": ended})  # fmt: skip
            # another worker that comes too late
            lines.append({"op_code": 6, "trial_id": at, "state": 1, "values": [99.0],
                          "datetime_complete": ended})  # fmt: skip
        return lines
