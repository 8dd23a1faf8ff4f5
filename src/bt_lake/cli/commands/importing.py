"""import: the runs of older stores, SQLite, PostgreSQL, Zarr, MLflow, Optuna, W&B."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option, Options
from bt_lake.cli.fields import plain
from bt_lake.cli.output import Output
from bt_lake.cli.session import Session
from bt_lake.warehouse.values import named
from bt_lake.warehouse.wholefile import whole_file

if TYPE_CHECKING:
    from bt_lake.ingest.stores.report import ImportReport

_SHOWN = 20
_FAILED = 2
_COLUMNS = ["theirs", "ours", "values", "how"]


class Kind(StrEnum):
    SQLITE = "sqlite"
    POSTGRES = "postgres"
    ZARR = "zarr"
    MLFLOW = "mlflow"
    OPTUNA = "optuna"
    WANDB = "wandb"


@dataclass(frozen=True)
class Part(Options):
    """Which part of a store is meant."""

    table: Annotated[
        str | None,
        Option(
            "--table",
            metavar="NAME",
            help="The table with the runs.",
            show_default="backtest_results or backtest_runs",
        ),
    ] = None
    study: Annotated[
        str | None,
        Option("--study", metavar="NAME", help="The study of Optuna.", show_default="all of them"),
    ] = None


@dataclass(frozen=True)
class Meanings(Options):
    """What the user says of the store's columns."""

    map_: Annotated[
        list[str] | None,
        Option("--map", metavar="THEIRS=OURS", help="What a column is, such as algo=strategy."),
    ] = None
    unit: Annotated[
        list[str] | None,
        Option(
            "--unit",
            metavar="COLUMN=UNIT",
            help="The unit of a column: percent, fraction or money.",
        ),
    ] = None
    set_: Annotated[
        list[str] | None,
        Option(
            "--set",
            metavar="COLUMN=VALUE",
            help="Say it of all runs, whatever the store says: strategy=rl.",
        ),
    ] = None
    map_value: Annotated[
        list[str] | None,
        Option(
            "--map-value",
            metavar="COLUMN.VALUE=OURS",
            help="What a value means, such as status.timeout=failed.",
        ),
    ] = None

    def told(self) -> dict[str, Any]:
        values = "COLUMN.VALUE=OURS, such as status.timeout=failed"
        return {
            "names": _named("--map", self.map_, "THEIRS=OURS, such as algo=strategy"),
            "units": _named("--unit", self.unit, "COLUMN=percent or COLUMN=fraction"),
            "values": _named("--map-value", self.map_value, values),
            "set_columns": named("--set", self.set_ or (), "COLUMN=VALUE, such as symbol=AAPL"),
        }


def _named(option: str, given: list[str] | None, form: str) -> dict[str, str]:
    return named(option, given or (), form, last=True)


def import_store(
    session: Session,
    out: Output,
    kind: Annotated[
        Kind,
        Argument(
            help="What it is: sqlite, postgres, zarr, mlflow, optuna or wandb.", metavar="KIND"
        ),
    ],
    where: Annotated[
        str, Argument(metavar="WHERE", help="Its file, folder or URL.", show_default=False)
    ],
    part: Part,
    meanings: Meanings,
    strict: Annotated[
        bool, Option("--strict", help="Refuse a row for one value that cannot be read.")
    ] = False,
    update: Annotated[
        bool,
        Option("--update", help="Make new versions of runs whose rows were changed since."),
    ] = False,
    errors: Annotated[
        Path | None,
        Option("--errors", metavar="FILE", help="Write all that did not come over, as CSV."),
    ] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Only say what would happen.")] = False,
) -> int:
    """Take in the runs of an older store.

    A second import adds what is new. The answer says what became of every column. What has no
    place of its own is kept: numbers in `extra`, anything else in `config`. Ends with 2 where
    something did not come over.

    \b
    Examples:
      bt-lake import sqlite trading.db --dry-run
      bt-lake import sqlite trading.db --set strategy=rl --unit total_return=percent
      bt-lake import postgres postgresql://me@localhost/trading
      bt-lake import zarr data/backtests/store.zarr
      bt-lake import optuna study.db --study "sma on AAPL" --set strategy=sma
      bt-lake import mlflow mlflow.db --map metrics.sr=sharpe_ratio
      bt-lake import wandb runs.csv --map fast=params.fast
      bt-lake import sqlite trading.db --map-value status.timeout=failed --errors lost.csv
    """
    ways: dict[str, Any] = {"strict": strict, "update": update, "dry_run": dry_run}
    with messages.progress("rows") as shown:

        def tell(done: int, total: int, report: ImportReport) -> None:
            shown(done, total, done)

        report = session.lake.import_store(
            kind.value,
            where,
            table=part.table,
            study=part.study,
            progress=tell,
            **meanings.told(),
            **ways,
        )
    _show(report, out)
    _say(report, messages.took(session.started), dry_run=dry_run)
    if errors:
        _write(report, errors)
    return _FAILED if report.lost else 0


def _write(report: ImportReport, path: Path) -> None:
    import csv
    import io

    from bt_lake.warehouse.cells import inert

    kinds = {"row": report.failed, "value": report.cells, "repeated": report.repeated,
             "doubtful": report.doubtful, "changed": report.changed}  # fmt: skip
    with whole_file(path) as file, io.TextIOWrapper(file, "utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["what", "table", "row", "column", "reason"])
        for what, several in kinds.items():
            for r in several:
                cells = (r.table, r.row, r.column, r.reason)
                writer.writerow([what, *(inert(c) if isinstance(c, str) else c for c in cells)])


def _show(report: ImportReport, out: Output) -> None:
    """What became of every column."""
    rows = [tuple(column) for column in report.columns]
    if out.is_text:
        made = [plain(name).at(90 - place) for place, name in enumerate(_COLUMNS)]
        out.table([replace(field, shrink=None) for field in made[:2]] + made[2:], rows)
    else:
        out.rows(_COLUMNS, rows)


def _say(report: ImportReport, took: str, *, dry_run: bool) -> None:
    """What needs a look, what failed, and the summary."""
    for warning in report.warnings:
        messages.warn(warning)
    lost = [*report.lost, *report.changed]
    for unread in lost[:_SHOWN]:
        messages.say(str(unread))
    if len(lost) > _SHOWN:
        messages.say(f"... and {len(lost) - _SHOWN:,} more; --errors FILE.csv has all")
    if report.changed and not report.updated:
        messages.warn(
            f"{len({row.row for row in report.changed}):,} rows are in the lake with other values; "
            "--update makes new versions of their runs, and keeps the old ones as deleted"
        )
    would = "would be " if dry_run else ""
    messages.note(
        f"{len(report.added):,} {would}added",
        f"{len(report.skipped):,} already there",
        f"{len(report.updated):,} updated" if report.updated else "",
        f"{len(report.failed):,} failed" if report.failed else "",
        f"{messages.many(len(report.cells), 'value')} left out" if report.cells else "",
        f"{len(report.repeated):,} repeated" if report.repeated else "",
        f"{report.unfinished:,} still running" if report.unfinished else "",
        took,
    )
