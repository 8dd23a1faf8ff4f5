"""Studies of Optuna: a journal, a SQLite file or a PostgreSQL database. Optuna is not needed.

A trial is a run: its state, its parameters as they were suggested, the values of its objectives,
its user attributes; the study is its sweep. Pruned trials are tries, and failed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from bt_lake.ingest.stores.identity import run_ids
from bt_lake.ingest.stores.journal import Journal
from bt_lake.ingest.stores.report import Lost
from bt_lake.ingest.stores.source import BATCH_ROWS, Dialect, Rows
from bt_lake.ingest.stores.sqlite import connect, readable
from bt_lake.ingest.stores.trial import METRIC_NAMES, Trial, instant, suggested
from bt_lake.warehouse.errors import BadInput, NotFound, UnknownName

_TABLES = {"studies", "trials", "trial_params", "trial_values", "trial_user_attributes"}
_TRIALS = """
select
  t.trial_id, s.study_name, t.number, t.state, t.datetime_start, t.datetime_complete, s.study_id
from trials t join studies s on s.study_id = t.study_id order by t.trial_id
"""


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
            trials = self._chosen()
            while several := list(islice(trials, BATCH_ROWS)):
                flat = [trial.flat(self._objectives.get(trial.study, [])) for trial in several]
                yield rows_of(flat)

    def _chosen(self) -> Iterator[Trial]:
        there: dict[str, None] = {}
        for trial in self._read():
            there[trial.study] = None
            if self._study in (None, trial.study):
                yield trial
        if self._study is not None and self._study not in there:
            hint = f" There are {', '.join(there)}." if there else " There are none with a trial."
            raise UnknownName.near("study", self._study, there, hint=hint)

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
        by_study = {study: json.loads(text) for study, key, text in names if key == METRIC_NAMES}
        trials: dict[int, Trial] = {}
        for trial, study, number, state, start, end, study_id in ask(_TRIALS):
            trials[trial] = Trial(study, number, state, instant(start), instant(end))
            self._objectives[study] = by_study.get(study_id, [])
        for trial, name, value, shape in ask(
            "select trial_id, param_name, param_value, distribution_json from trial_params"
        ):
            if trial in trials:  # it may have begun a moment ago
                trials[trial].params[name] = suggested(value, shape)
        for trial, objective, value in ask("select trial_id, objective, value from trial_values"):
            if trial in trials:
                trials[trial].values[objective] = value
        for trial, key, text in ask("select trial_id, key, value_json from trial_user_attributes"):
            if trial in trials:
                trials[trial].attributes[key] = json.loads(text)
        yield from trials.values()

    def _of_journal(self) -> Iterator[Trial]:
        journal = Journal(self._path)
        trials = journal.trials()
        self._objectives, self.lost.rows = journal.objectives, journal.unread
        return iter(trials)


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
