"""Studies of Optuna: a journal, a SQLite file or a PostgreSQL database. Optuna is not needed.

A trial is a run: its state, its parameters as they were suggested, the values of its objectives,
its user attributes; the study is its sweep. Pruned trials are tries, and failed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from bt_lake.ingest.stores.identity import run_ids
from bt_lake.ingest.stores.report import Lost, Unread
from bt_lake.ingest.stores.source import BATCH_ROWS, Dialect, Rows
from bt_lake.ingest.stores.sqlite import connect, readable
from bt_lake.warehouse.errors import BadInput, NotFound

_TABLES = {"studies", "trials", "trial_params", "trial_values", "trial_user_attributes"}
# As the journal counts them.
_STATES = ("running", "complete", "pruned", "failed", "waiting")
_WORDS = {"fail": "failed", "waiting": "pending"}
_PRUNED = "pruned by Optuna"
_NAMES = "study:metric_names"
_TRIALS = """
select
  t.trial_id, s.study_name, t.number, t.state, t.datetime_start, t.datetime_complete, s.study_id
from trials t join studies s on s.study_id = t.study_id order by t.trial_id
"""


@dataclass(slots=True)
class Trial:
    study: str
    number: int
    state: str = "running"
    started: str | None = None
    ended: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    values: dict[int, float | None] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)

    def flat(self, names: list[str]) -> dict[str, Any]:
        """One value a column; `names` are those of the study's objectives, if they have some."""
        state = self.state.lower()
        numbers = {k: v for k, v in self.attributes.items() if _is_number(v)}
        others = {k: v for k, v in self.attributes.items() if k not in numbers}
        return {
            "study": self.study,
            "number": self.number,
            "strategy": self.study,
            "sweep": self.study,
            "status": "failed" if state == "pruned" else _WORDS.get(state, state),
            "error": _PRUNED if state == "pruned" else None,
            "created_at": self.started,
            "duration_s": _seconds(self.started, self.ended),
            **{f"params.{name}": value for name, value in self.params.items()},
            **{f"metrics.{_objective(i, names, self.values)}": v for i, v in self.values.items()},
            **{f"metrics.{name}": value for name, value in numbers.items()},
            **{f"user_attributes.{name}": value for name, value in others.items()},
        }


class OptunaSource:
    """All studies of a store, or the one that is named."""

    kind = "optuna"
    table = "trials"
    key: tuple[str, ...] = ("study", "number")
    strategy = "optuna"
    dialect = Dialect()

    def __init__(self, where: str, study: str | None = None) -> None:
        self.name = where
        self.remarks: list[str] = []
        self.lost = Lost()
        self._study = study
        self._path = Path(where.removeprefix("sqlite:///")).expanduser()
        self._close: Callable[[], None] = lambda: None
        self._read = self._opened(where)
        self._objectives: dict[str, list[str]] = {}

    def batches(self, *, summary: bool = False) -> Iterator[Rows]:
        with readable(self._path):
            trials = (t for t in self._read() if self._study in (None, t.study))
            while several := list(islice(trials, BATCH_ROWS)):
                flat = [trial.flat(self._objectives.get(trial.study, [])) for trial in several]
                yield rows_of(flat)

    def close(self) -> None:
        self._close()

    def _opened(self, where: str) -> Callable[[], Iterator[Trial]]:
        if where.startswith(("postgres://", "postgresql://")):
            from bt_lake.ingest.stores.postgres import PostgresSource

            database = PostgresSource(where, "trials")
            self._close = database.close
            return lambda: self._of_tables(database.ask)
        if not self._path.is_file():
            raise NotFound(f"{self._path}: no such file")
        with self._path.open("rb") as file:
            head = file.read(16)
        if head[:1] == b"{":
            return self._of_journal
        connection = connect(self._path)
        self._close = connection.close
        with readable(self._path):
            tables = {name for (name,) in connection.execute("select name from sqlite_master")}
            if not tables >= _TABLES:
                connection.close()
                lacking = ", ".join(sorted(_TABLES - tables))
                raise BadInput(f"{self._path}: no store of Optuna: {lacking} is missing")
        return lambda: self._of_tables(lambda query: connection.execute(query).fetchall())

    def _of_tables(self, ask: Callable[[str], Iterable[Any]]) -> Iterator[Trial]:
        names = ask("select study_id, key, value_json from study_system_attributes")
        by_study = {study: json.loads(text) for study, key, text in names if key == _NAMES}
        trials: dict[int, Trial] = {}
        for trial, study, number, state, start, end, study_id in ask(_TRIALS):
            trials[trial] = Trial(study, number, state, instant(start), instant(end))
            self._objectives[study] = by_study.get(study_id, [])
        for trial, name, value, shape in ask(
            "select trial_id, param_name, param_value, distribution_json from trial_params"
        ):
            trials[trial].params[name] = _suggested(value, shape)
        for trial, objective, value in ask("select trial_id, objective, value from trial_values"):
            trials[trial].values[objective] = value
        for trial, key, text in ask("select trial_id, key, value_json from trial_user_attributes"):
            trials[trial].attributes[key] = json.loads(text)
        yield from trials.values()

    def _of_journal(self) -> Iterator[Trial]:
        studies: list[str | None] = []
        counts: dict[int, int] = {}
        trials: list[Trial] = []
        owners: list[int] = []
        self.lost.rows.clear()
        with self._path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    entry = json.loads(line)
                    self._play(entry, studies, counts, trials, owners)
                except (ValueError, KeyError, IndexError, TypeError) as error:
                    # the last line may be half-written
                    self.lost.rows.append(Unread("journal", f"line {number}", "entry", repr(error)))
        for trial, owner in zip(trials, owners, strict=True):
            if studies[owner] is not None:
                yield trial

    def _play(
        self,
        entry: dict[str, Any],
        studies: list[str | None],
        counts: dict[int, int],
        trials: list[Trial],
        owners: list[int],
    ) -> None:
        match entry["op_code"]:
            case 0:
                studies.append(entry["study_name"])
            case 1:
                studies[entry["study_id"]] = None
            case 3 if _NAMES in entry["system_attr"]:
                name = studies[entry["study_id"]]
                self._objectives[str(name)] = entry["system_attr"][_NAMES]
            case 4:
                study = entry["study_id"]
                counts[study] = counts.get(study, -1) + 1
                trial = Trial(str(studies[study]), counts[study])
                trial.started = instant(entry.get("datetime_start"))
                trials.append(trial)
                owners.append(study)
                _ended(trial, entry)
            case 5:
                trial = trials[entry["trial_id"]]
                value = _suggested(entry["param_value_internal"], entry["distribution"])
                trial.params[entry["param_name"]] = value
            case 6:
                _ended(trials[entry["trial_id"]], entry)
            case 8:
                trials[entry["trial_id"]].attributes |= entry["user_attr"]


def _ended(trial: Trial, entry: dict[str, Any]) -> None:
    if "state" in entry:
        trial.state = _STATES[entry["state"]]
    trial.values |= dict(enumerate(entry.get("values") or []))
    trial.started = instant(entry.get("datetime_start")) or trial.started
    trial.ended = instant(entry.get("datetime_complete")) or trial.ended


def rows_of(flat: list[dict[str, Any]]) -> Rows:
    names = dict.fromkeys(name for trial in flat for name in trial)
    columns = {name: [trial.get(name) for trial in flat] for name in names}
    return Rows([f"trial {t['number']} of {t['study']}" for t in flat], columns)


def run_id_of(trial: Trial, names: list[str]) -> str:
    """The id that an import gives a trial."""
    return run_ids(rows_of([trial.flat(names)]), _Identity(), None)[0]


class _Identity(OptunaSource):
    """A source that is asked for ids alone."""

    def __init__(self) -> None:
        pass


def _suggested(value: float, distribution: str) -> Any:
    """A parameter as the trial saw it: a choice by its place, an integer as one."""
    shape = json.loads(distribution)
    kind = shape["name"]
    if kind == "CategoricalDistribution":
        return shape["attributes"]["choices"][int(value)]
    return int(value) if kind.startswith("Int") else value


def _objective(place: int, names: list[str], values: dict[int, Any]) -> str:
    if place < len(names):
        return names[place]
    return "objective" if len(values) == 1 else f"objective_{place}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def instant(value: Any) -> str | None:
    """A time in one form, whichever store it comes from; what has no zone is UTC."""
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="microseconds")


def _seconds(start: str | None, end: str | None) -> float | None:
    if start is None or end is None:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
